"""What a reader of MLflow's own pages is told there: descriptions, and a table worth looking at."""

import json
from collections.abc import Sequence

from components.platform.model_version import BACKBONE, RECOMMENDER, nomogram_name
from components.platform.tracking import TRAINING_PAGES, Tracking
from components.study.results import NOMOGRAM, metric_name
from components.study.vocabulary import TreatmentArm

_VIEW = "armwise"
_VIEW_TAG = f"mlflow.sharedViewState.{_VIEW}"
"""MLflow keeps a view of the runs table, shared by its address, in such a tag."""

_STUDY_RUNS = "tags.`armwise.level` = 'study'"


def describe_experiment(tracking: Tracking, *, title: str, arms: Sequence[TreatmentArm]) -> None:
    """Says on the experiment's page what it is and where to click, and makes its view of runs.

    Args:
        tracking: The study's runs.
        title: The study's title.
        arms: Whose nomograms the table shows the C of.
    """
    tags = {
        "mlflow.note.content": _description(tracking, title),
        _VIEW_TAG: json.dumps(_view(arms)),
    }
    known = tracking.client.get_experiment(tracking.experiment_id).tags
    for name, text in tags.items():
        if known.get(name) != text:
            tracking.client.set_experiment_tag(tracking.experiment_id, name, text)


def model_description(name: str) -> str:
    """What a registered model is, in a paragraph for its page."""
    if name == RECOMMENDER:
        return (
            "What a service reads: the nomograms of all arms and the network, pinned together. "
            "Alias `champion` is the one pointer; it is moved by the gate at the end of a "
            "retraining, by `armwise approve` and by `armwise rollback`, never here. Each move is "
            "an entry in the tags `armwise.history.NNNN`, a hash chain that `armwise history` "
            "verifies: do not edit them. A version's card tells what it was fitted on, how good it "
            "is and what the gate said."
        )
    if name == BACKBONE:
        return (
            "The chosen network with its deep-learning signature: two CT phases and an ROI in, "
            "`dl_signature` out. Alias `champion` follows `armwise-recommender`; it has none where "
            "the champion's signature is null."
        )
    (arm,) = (arm for arm in TreatmentArm if nomogram_name(arm) == name)
    return (
        f"The nomogram of patients whose first treatment is {arm.label}: their predictors in, "
        "points and survival at each horizon out. Alias `champion` follows `armwise-recommender`. "
        "The drawing lies with the version's source run, under Artifacts, nomograms."
    )


def _description(tracking: Tracking, title: str) -> str:
    table = (
        f"#/experiments/{tracking.experiment_id}/runs?viewStateShareKey={_VIEW}&{TRAINING_PAGES}"
    )
    return f"""Retrainings of the study: {title}.

- [The table of retrainings]({table}), newest first, with the figures that matter.
- A retraining's page: summary on top; `report.html`, `nomograms` and `data_docs` under Artifacts.
- Below a retraining (the plus sign) its backbones, below these their trials. To compare backbones \
tick them and press Compare.
- Figures are named `split/arm/model/estimator`; `_lower` and `_upper` are the limits of the 95% \
interval. Model `nomogram` is the one that the arm's nomogram shows; `apparent` figures are those \
of the training patients.
- What changed between two retrainings: `armwise compare previous latest`.
"""


def _view(arms: Sequence[TreatmentArm]) -> dict[str, object]:
    """The state of MLflow's runs table, complete as the page expects it (MLflow 3.17)."""
    figures = [f"metrics.`{metric_name('test', arm.value, NOMOGRAM, 'c_harrell')}`" for arm in arms]
    params = [f"params.`{name}`" for name in ("backbone", "n_patients", "data", "protocol")]
    return {
        "searchFilter": _STUDY_RUNS,
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": [*figures, *params, "tags.`armwise.gate`"],
        "columnOrder": [],
        "columnWidths": {},
        "runsExpanded": {},
        "runsPinned": [],
        "runsHidden": [],
        "runsVisibilityMap": {},
        "runsHiddenMode": "FIRST_10_RUNS",
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": False,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": True,
        "groupBy": None,
        "groupsExpanded": {},
        "autoRefreshEnabled": True,
        "globalLineChartConfig": {
            "xAxisKey": "step",
            "lineSmoothness": 0,
            "selectedXAxisMetricKey": "",
        },
    }
