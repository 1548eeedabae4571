"""The steps of a run and their keys, known before any of them runs."""

from dataclasses import dataclass
from pathlib import Path

from components.study.protocol import Protocol, read_protocol
from flows.keys import digest, step_key
from flows.settings import PROTOCOLS


@dataclass(frozen=True)
class Step:
    """A step: where its code is, what it builds on, which parts of the protocol it reads.

    `parts` None stands for all: the step writes down the hash of the whole protocol. `beside` names
    protocols of armwise whose section `signature` it reads too.
    """

    name: str
    title: str
    after: tuple[str, ...]
    parts: tuple[str, ...] | None
    beside: tuple[str, ...] = ()

    @property
    def module(self) -> str:
        """The module of the step's task."""
        return f"flows.tasks.{self.name}"


RETRAIN_STEPS = (
    Step(
        "validation",
        "Validation",
        (),
        (
            "study",
            "cohort.max_quarantined",
            "cohort.max_missing_share",
            "cohort.minimum_patients",
            "cohort.minimum_deaths",
            "cohort.minimum_deaths_per_parameter",
            "cohort.minimum_maturity",
            "cohort.maximum_unknown_labels",
            "eligibility.maximum_days_ct_before_treatment",
            "label.horizon_days",
            "clinical.predictors",
        ),
    ),
    Step("crops", "ROI crops", ("validation",), ("imaging",)),
    Step(
        "cohort",
        "Cohort, label, split",
        ("validation", "crops"),
        (
            "study",
            "cohort",
            "eligibility",
            "split",
            "label",
            "clinical.predictors",
            "search.folds",
        ),
    ),
    Step(
        "search",
        "Backbone search",
        ("cohort", "crops"),
        (
            "study",
            "label",
            "search",
            "backbone",
            "evaluation.confidence_level",
            "evaluation.minimum_events_before",
            "evaluation.minimum_at_risk_after",
        ),
    ),
    Step(
        "network_checks",
        "Checks of the networks",
        ("search",),
        (
            "study",
            "label",
            "search",
            "backbone",
            "evaluation.nested_networks",
            "evaluation.network_seeds",
            "evaluation.confidence_level",
            "evaluation.minimum_events_before",
            "evaluation.minimum_at_risk_after",
        ),
    ),
    Step(
        "refit",
        "Refit and features",
        ("search",),
        ("study", "label", "search", "backbone", "imaging"),
    ),
    Step(
        "heat_maps",
        "Heat maps",
        ("refit",),
        ("study", "label", "imaging", "evaluation.confidence_level"),
    ),
    Step("signature", "Signature", ("refit",), ("study", "signature", "evaluation")),
    Step(
        "radiomics",
        "Hand-crafted radiomics",
        ("cohort", "search"),
        (
            "study",
            "label",
            "radiomics",
            "evaluation.confidence_level",
            "evaluation.minimum_events_before",
            "evaluation.minimum_at_risk_after",
        ),
    ),
    Step("arms", "Models of the arms", ("signature",), ("study", "clinical", "evaluation")),
    Step(
        "optimism",
        "Optimism by bootstrap",
        ("arms",),
        ("study", "signature", "clinical", "evaluation", "search.folds"),
    ),
    Step("subgroups", "Subgroups", ("arms",), ("study", "clinical", "evaluation")),
    Step(
        "baselines",
        "Baselines",
        ("arms", "radiomics"),
        ("study", "label", "signature", "clinical", "evaluation"),
    ),
    Step("nomograms", "Nomograms", ("arms",), ("study", "nomogram")),
    Step("publish", "Registry and promotion", ("nomograms",), None),
    Step(
        "report",
        "Report",
        ("network_checks", "heat_maps", "optimism", "subgroups", "baselines", "publish"),
        None,
    ),
)


NESTED_STEP = Step(
    "nested",
    "Nested cross-validation",
    ("features",),
    ("profile", "study.seed", "signature", "evaluation.nested", "evaluation.confidence_level"),
    beside=("sound",),
)
"""What a run on given features has besides, where its protocol asks for it."""


@dataclass(frozen=True)
class Plan:
    """The steps, their keys, and the key of the whole run."""

    protocol: Protocol
    data_md5: str
    steps: tuple[Step, ...]
    keys: dict[str, str]
    key: str

    def step(self, name: str) -> Step:
        """The step of a name."""
        return next(step for step in self.steps if step.name == name)

    def folder(self, home: Path, step: str) -> Path:
        """Where a step leaves its files."""
        return home / "steps" / f"{step}-{self.keys[step]}"


def own_protocol(name: str) -> Protocol:
    """A protocol of armwise by name."""
    return read_protocol(PROTOCOLS / f"{name}.yaml")


def make_plan(
    protocol: Protocol, data_md5: str, *, place: str, steps: tuple[Step, ...] = RETRAIN_STEPS
) -> Plan:
    """The plan of a run.

    Args:
        protocol: The science.
        data_md5: The version of the data.
        place: Where runs and models go (the MLflow URI): elsewhere it is another run.
        steps: What is done, in this order.
    """
    keys: dict[str, str] = {}
    for step in steps:
        inputs = [data_md5, *(keys[name] for name in step.after)]
        extra = [place] if step.name in {"publish", "report"} else []
        extra += [own_protocol(name).hash(("signature",)) for name in step.beside]
        keys[step.name] = step_key(
            step.module, protocol=protocol.hash(step.parts), inputs=inputs, extra=extra
        )
    whole = digest(keys, protocol.hash(), data_md5, place)
    return Plan(protocol=protocol, data_md5=data_md5, steps=steps, keys=keys, key=whole)
