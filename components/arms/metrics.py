"""The figures of an arm's models under their names in MLflow."""

from components.arms.records import ArmModels
from components.study.results import estimate_metrics, metric_name
from components.study.vocabulary import Split

_METRIC_SPLIT = {Split.TRAIN: "apparent", Split.TEST: "test"}


def evaluation_metrics(models: ArmModels) -> dict[str, float]:
    """All estimable figures: `<apparent|test>/<arm>/<model>/<estimator>`, `_lower`, `_upper`.

    Training figures are called apparent. A difference stands under the model
    `<model>_minus_<reference>`, hazard ratios of the risk groups under `hr_high_low`.
    """
    arm = models.arm.value
    metrics: dict[str, float] = {}
    for one in models.evaluations:
        for estimator, estimate in one.estimates.items():
            name = metric_name(_METRIC_SPLIT[one.split], arm, one.kind.value, estimator)
            metrics |= estimate_metrics(name, estimate)
    for difference in models.differences:
        pair = f"{difference.kind.value}_minus_{difference.reference.value}"
        name = metric_name(_METRIC_SPLIT[difference.split], arm, pair, difference.estimator)
        metrics |= estimate_metrics(name, difference.estimate)
    for groups in models.risk_groups:
        name = metric_name(_METRIC_SPLIT[groups.split], arm, groups.kind.value, "hr_high_low")
        metrics |= estimate_metrics(name, groups.hazard_ratio)
    return metrics
