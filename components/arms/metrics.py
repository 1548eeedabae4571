"""The figures of an arm's models under their names in MLflow."""

from itertools import product

from components.arms.records import ArmModels
from components.study.results import NOMOGRAM, estimate_metrics, metric_name
from components.study.vocabulary import Split

_METRIC_SPLIT = {Split.TRAIN: "apparent", Split.TEST: "test"}


def evaluation_metrics(models: ArmModels) -> dict[str, float]:
    """All estimable figures: `<apparent|test>/<arm>/<model>/<estimator>`, `_lower`, `_upper`.

    Training figures are called apparent. The figures of the arm's nomogram stand under the model
    `nomogram` as well, whichever model it shows, so that runs have them in common. A difference
    stands under the model `<model>_minus_<reference>`, hazard ratios of the risk groups under
    `hr_high_low`, differences of their restricted means under `rmst_high_minus_low`.
    """
    arm = models.arm.value
    metrics: dict[str, float] = {}
    for one in models.evaluations:
        shown = [NOMOGRAM] if one.kind is models.nomogram_kind else []
        for model, (estimator, estimate) in product(
            [*shown, one.kind.value], one.estimates.items()
        ):
            name = metric_name(_METRIC_SPLIT[one.split], arm, model, estimator)
            metrics |= estimate_metrics(name, estimate)
    for difference in models.differences:
        pair = f"{difference.kind.value}_minus_{difference.reference.value}"
        name = metric_name(_METRIC_SPLIT[difference.split], arm, pair, difference.estimator)
        metrics |= estimate_metrics(name, difference.estimate)
    for groups in models.risk_groups:
        compared = {"hr_high_low": groups.hazard_ratio}
        if groups.rmst is not None:
            compared["rmst_high_minus_low"] = groups.rmst.difference
        for estimator, estimate in compared.items():
            name = metric_name(_METRIC_SPLIT[groups.split], arm, groups.kind.value, estimator)
            metrics |= estimate_metrics(name, estimate)
    return metrics
