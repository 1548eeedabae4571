"""How well the backbones tell high from low risk, never pooled without its arms beside it."""

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.records import RocAtHorizon
from components.networks.records import BackboneRow
from components.reporting.style import (
    FAINT,
    INK,
    MODEL_COLORS,
    MODEL_DASHES,
    MUTED,
    arm_color,
    figure_style,
    new_figure,
    series_color,
)
from components.reporting.wording import MODEL_NAMES, SPLIT_NAMES, days_text
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin, TreatmentArm

_POOLED_COLOR = INK


@figure_style()
def draw_backbone_roc(
    rows: Sequence[BackboneRow], *, horizon_days: float, origin: DataOrigin
) -> Figure:
    """Out-of-fold ROC curves of the backbones within arms and pooled; all AUCs, and the arm's own.

    The arm alone predicts the label well, so a pooled curve shows less than it seems to.
    """
    arms = list(dict.fromkeys(arm for row in rows for arm in row.arm_rocs))
    groups: list[TreatmentArm | None] = [*arms, None]
    n_rows = math.ceil((len(groups) + 1) / 2)
    figure = new_figure(8.6, 3.7 * n_rows, origin=origin)
    panels = list(figure.subplots(n_rows, 2, squeeze=False, width_ratios=(1, 1.25)).flat)
    for axes, arm in zip(panels, groups, strict=False):
        _draw_curves(axes, rows, arm)
        where = "arms pooled" if arm is None else f"within {arm.label}"
        axes.set_title(f"ROC at {days_text(horizon_days)}, {where}")
    last, *unused = panels[len(groups) :]
    _draw_auc_rows(last, rows)
    last.set_title("AUC by arm, pooled, arm alone")
    for axes in unused:
        axes.set_axis_off()
    return figure


def roc_axes(axes: Axes) -> None:
    """Make axes those of a ROC curve."""
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=":")
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.01, 1.01)
    axes.set_aspect("equal")
    axes.set_xlabel("1 \u2212 specificity")
    axes.set_ylabel("Sensitivity")
    axes.grid(visible=True)


def _draw_curves(axes: Axes, rows: Sequence[BackboneRow], arm: TreatmentArm | None) -> None:
    roc_axes(axes)
    for index, row in enumerate(rows):
        curve = row.roc if arm is None else row.arm_rocs.get(arm)
        if curve is None:
            continue
        axes.plot(
            curve.false_positive_rate,
            curve.true_positive_rate,
            color=series_color(index),
            lw=2.2 if row.is_chosen else 1.3,
            ls="-" if row.is_chosen else (0, (4 - index, 1.5)),
            label=f"{row.backbone}{' (chosen)' if row.is_chosen else ''}",
        )
    axes.legend(loc="lower right")


def _draw_auc_rows(axes: Axes, rows: Sequence[BackboneRow]) -> None:
    names: list[str] = []
    for row in rows:
        lines = [
            *(
                (f"{row.backbone}, {arm.label}", estimate, arm_color(arm))
                for arm, estimate in row.within_arm_auc.items()
            ),
            (f"{row.backbone}, pooled", row.pooled_auc, _POOLED_COLOR),
        ]
        for name, estimate, color in lines:
            _draw_estimate(axes, len(names), estimate, color)
            names.append(name)
    if rows:
        _draw_estimate(axes, len(names), rows[0].arm_only_auc, MUTED)
        names.append("arm alone")
    axes.axvline(0.5, color=MUTED, lw=0.8, ls=":")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("AUC (95% interval)")
    axes.grid(visible=True, axis="x", color=FAINT)
    axes.tick_params(axis="y", length=0)


def _draw_estimate(axes: Axes, at: float, estimate: Estimate, color: str) -> None:
    if estimate.value is None:
        axes.text(0.5, at, " not estimable", va="center", fontsize=7.5, color=MUTED)
        return
    if estimate.lower is not None and estimate.upper is not None:
        axes.plot([estimate.lower, estimate.upper], [at, at], color=color, lw=1.6)
    axes.plot(estimate.value, at, "o", color=color, ms=5)


@figure_style()
def draw_time_roc(curves: Sequence[RocAtHorizon], *, origin: DataOrigin) -> Figure:
    """ROC(t) of an arm's models: one row a split, one column a horizon, AUC in the legend."""
    splits = list(dict.fromkeys(curve.split for curve in curves))
    horizons = sorted({curve.horizon_days for curve in curves})
    columns, lines = max(len(horizons), 1), max(len(splits), 1)
    figure = new_figure(2.9 * max(columns, 2), 3.1 * lines, origin=origin)
    grid = figure.subplots(lines, columns, squeeze=False)
    for row, split in enumerate(splits):
        for column, horizon in enumerate(horizons):
            axes = grid[row][column]
            roc_axes(axes)
            axes.label_outer()
            axes.set_title(f"{days_text(horizon)}, {SPLIT_NAMES[split].lower()}", fontsize=9)
            own = [one for one in curves if (one.split, one.horizon_days) == (split, horizon)]
            for curve in own:
                _draw_time_curve(axes, curve)
            if own:
                axes.legend(loc="lower right", fontsize=7, title="AUC", title_fontsize=7)
            else:
                axes.text(0.5, 0.42, "not estimable", ha="center", va="top", color=MUTED)
    return figure


def _draw_time_curve(axes: Axes, curve: RocAtHorizon) -> None:
    auc = "not estimable" if curve.auc.value is None else f"{curve.auc.value:.2f}"
    axes.plot(
        curve.false_positive_rate,
        curve.true_positive_rate,
        color=MODEL_COLORS[curve.kind],
        ls=MODEL_DASHES[curve.kind],
        label=f"{MODEL_NAMES[curve.kind]} {auc}",
    )
