"""A published model in a study's own patients: ROC curves and calibration, horizon by horizon."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.scoring import PublishedScore
from components.reporting.roc_figures import roc_axes
from components.reporting.style import MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import days_text
from components.survival.calibration import CalibrationGroup
from components.survival.calibration_curve import CalibrationCurve

_PANEL_IN = 2.9


@figure_style()
def draw_score(score: PublishedScore) -> Figure:
    """One column a horizon: the ROC curve above, predicted against observed survival below."""
    horizons = sorted(set(score.roc) | set(score.calibration))
    columns, has_calibration = max(len(horizons), 1), bool(score.calibration)
    lines = 2 if has_calibration else 1
    figure = new_figure(_PANEL_IN * max(columns, 2), 3.1 * lines, origin=score.origin)
    grid = figure.subplots(lines, columns, squeeze=False)
    color = arm_color(score.arm)
    for column, days in enumerate(horizons):
        _draw_roc(grid[0][column], score, days, color)
        if has_calibration:
            axes = grid[1][column]
            calibration_axes(axes, days_text(days).capitalize())
            _draw_curve(axes, score.calibration.get(days), color)
            _draw_groups(axes, score.groups.get(days, ()), color)
    if has_calibration:
        grid[1][0].set_ylabel("Observed survival (95% interval)")
    return figure


def calibration_axes(axes: Axes, title: str) -> None:
    """Make axes those of a calibration plot: the diagonal is perfect."""
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=":")
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("Predicted survival")
    axes.grid(visible=True)


def _draw_roc(axes: Axes, score: PublishedScore, days: int, color: str) -> None:
    roc_axes(axes)
    axes.set_title(f"ROC, {days_text(days)}", fontsize=9)
    curve = score.roc.get(days)
    if curve is None:
        axes.text(0.5, 0.42, "not estimable", ha="center", va="top", color=MUTED)
        return
    auc = score.estimates[f"auc_cd_{days}d"].value
    label = None if auc is None else f"AUC {auc:.2f}"
    axes.plot(curve.false_positive_rate, curve.true_positive_rate, color=color, label=label)
    if label:
        axes.legend(loc="lower right", fontsize=7)


def _draw_curve(axes: Axes, curve: CalibrationCurve | None, color: str) -> None:
    """The smooth curve; it is of risks, the axes are of survival."""
    if curve is None or not curve.predicted:
        return
    predicted = [1 - risk for risk in curve.predicted]
    axes.plot(predicted, [1 - risk for risk in curve.observed], color=color, lw=1.2)
    if curve.lower and curve.upper:
        axes.fill_between(
            predicted,
            [1 - risk for risk in curve.upper],
            [1 - risk for risk in curve.lower],
            color=color,
            alpha=0.15,
            lw=0,
        )


def _draw_groups(axes: Axes, groups: tuple[CalibrationGroup, ...], color: str) -> None:
    for group in groups:
        observed = group.observed
        if observed.value is None:
            continue
        x = group.mean_predicted
        if observed.lower is not None and observed.upper is not None:
            axes.plot([x, x], [observed.lower, observed.upper], color=color, lw=1, alpha=0.6)
        axes.plot(x, observed.value, marker="o", ls="none", ms=5, color=color)
