"""Estimates with intervals as marks: hollow squares in training, filled circles in test."""

from matplotlib.axes import Axes

from components.reporting.style import arm_color
from components.study.results import Estimate
from components.study.vocabulary import Split, TreatmentArm


def draw_mark(
    axes: Axes,
    y: float,
    estimate: Estimate,
    *,
    arm: TreatmentArm,
    split: Split,
    test_size: float,
) -> None:
    """The estimate at height y in its arm's color, nothing where it is not estimable.

    Training marks are a point smaller than `test_size`.
    """
    if estimate.value is None:
        return
    color, is_test = arm_color(arm), split is Split.TEST
    if estimate.lower is not None and estimate.upper is not None:
        axes.plot([estimate.lower, estimate.upper], [y, y], color=color, lw=2 if is_test else 1.2)
    axes.plot(
        estimate.value,
        y,
        marker="o" if is_test else "s",
        ms=test_size if is_test else test_size - 1,
        mfc=color if is_test else "white",
        mec=color,
        zorder=4,
    )
