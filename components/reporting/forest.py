"""The C-index of the models with intervals, apparent and test side by side."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.records import ArmModels
from components.reporting.split_marks import draw_mark
from components.reporting.style import FAINT, MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import MODEL_NAMES, SPLIT_NAMES, estimate_text
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin, Split, TreatmentArm

_ROW_IN = 0.5
_SPLIT_OFFSET = {Split.TRAIN: -0.17, Split.TEST: 0.17}


@figure_style()
def draw_forest(
    arms: Sequence[ArmModels],
    *,
    origin: DataOrigin,
    estimator: str = "c_harrell",
    axis_label: str = "Harrell's C (95% interval)",
) -> Figure:
    """A forest plot of one figure: each arm's models, training (apparent) hollow, test filled."""
    rows = [(arm, kind) for arm in arms for kind in arm.kinds]
    figure = new_figure(8.6, 0.9 + _ROW_IN * len(rows), origin=origin)
    axes = figure.subplots()
    for at, (arm, kind) in enumerate(rows):
        for evaluation in arm.evaluations:
            estimate = evaluation.estimates.get(estimator)
            if evaluation.kind is kind and estimate is not None:
                y = at + _SPLIT_OFFSET[evaluation.split]
                _draw_row(axes, y, estimate, arm=arm.arm, split=evaluation.split)
    names = [f"{arm.arm.label}: {MODEL_NAMES[kind]}" for arm, kind in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    for at in range(1, len(rows)):
        is_new_arm = rows[at][0] is not rows[at - 1][0]
        axes.axhline(at - 0.5, color=MUTED if is_new_arm else FAINT, lw=0.8)
    axes.axvline(0.5, color=MUTED, lw=0.8, ls=":")
    axes.set_xlabel(axis_label)
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
    _legend(axes)
    return figure


def _draw_row(axes: Axes, y: float, estimate: Estimate, *, arm: TreatmentArm, split: Split) -> None:
    color, is_test = arm_color(arm), split is Split.TEST
    axes.annotate(
        estimate_text(estimate) if estimate.value is not None else "not estimable",
        (1.02, y),
        xycoords=("axes fraction", "data"),
        va="center",
        fontsize=8,
        color=color if is_test else MUTED,
        annotation_clip=False,
    )
    draw_mark(axes, y, estimate, arm=arm, split=split, test_size=6.5)


def _legend(axes: Axes) -> None:
    for split in Split:
        is_test = split is Split.TEST
        axes.plot(
            [],
            [],
            marker="o" if is_test else "s",
            color=MUTED,
            mfc=MUTED if is_test else "white",
            label=SPLIT_NAMES[split],
        )
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
