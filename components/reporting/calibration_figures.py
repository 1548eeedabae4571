"""Predicted against observed survival."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.records import CalibrationAtHorizon
from components.reporting.style import MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import SPLIT_NAMES, days_text
from components.study.vocabulary import DataOrigin, Split

_PANEL_IN = 2.9
_OFFSET = {Split.TRAIN: -0.004, Split.TEST: 0.004}


@figure_style()
def draw_calibration(parts: Sequence[CalibrationAtHorizon], *, origin: DataOrigin) -> Figure:
    """One panel a horizon: groups of predicted survival against their Kaplan-Meier survival.

    Training (apparent) hollow and dashed, test filled and solid with its interval shaded; lines are
    the smooth curves, the diagonal is perfect calibration.
    """
    horizons = sorted({part.horizon_days for part in parts})
    figure = new_figure(_PANEL_IN * max(len(horizons), 2) + 0.3, 3.6, origin=origin)
    panels = figure.subplots(1, max(len(horizons), 1), squeeze=False, sharex=True, sharey=True)[0]
    for axes, horizon in zip(panels, horizons, strict=False):
        axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=":")
        for part in parts:
            if part.horizon_days == horizon:
                _draw_curve(axes, part)
                _draw_groups(axes, part)
        axes.set_title(days_text(horizon).capitalize())
        axes.set_xlabel("Predicted survival")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_aspect("equal")
        axes.grid(visible=True)
    panels[0].set_ylabel("Observed survival (95% interval)")
    if horizons:
        panels[0].legend(loc="upper left")
    return figure


def _draw_curve(axes: Axes, part: CalibrationAtHorizon) -> None:
    """The smooth curve as survival; its limits in the test patients."""
    if part.curve is None or not part.curve.observed:
        return
    color, is_test = arm_color(part.arm), part.split is Split.TEST
    predicted = 1 - np.asarray(part.curve.predicted)
    observed = 1 - np.asarray(part.curve.observed)
    axes.plot(
        predicted, observed, color=color, lw=1.6 if is_test else 1, ls="-" if is_test else "--"
    )
    if is_test and part.curve.lower:
        lower, upper = 1 - np.asarray(part.curve.upper), 1 - np.asarray(part.curve.lower)
        axes.fill_between(predicted, lower, upper, color=color, alpha=0.12, lw=0)


def _draw_groups(axes: Axes, part: CalibrationAtHorizon) -> None:
    color = arm_color(part.arm)
    is_test = part.split is Split.TEST
    label: str | None = SPLIT_NAMES[part.split]
    for group in part.groups:
        observed = group.observed
        if observed.value is None:
            continue
        x = group.mean_predicted + _OFFSET[part.split]
        if observed.lower is not None and observed.upper is not None:
            axes.plot([x, x], [observed.lower, observed.upper], color=color, lw=1, alpha=0.6)
        axes.plot(
            x,
            observed.value,
            marker="o" if is_test else "s",
            ls="none",
            ms=6,
            mfc=color if is_test else "white",
            mec=color,
            label=label,
        )
        label = None
