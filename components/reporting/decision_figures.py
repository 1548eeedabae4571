"""Net benefit of acting on a predicted risk, by the threshold at which one would act."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.records import DecisionCurveAtHorizon
from components.reporting.style import (
    FAINT,
    MODEL_COLORS,
    MODEL_DASHES,
    MUTED,
    figure_style,
    new_figure,
)
from components.reporting.wording import MODEL_NAMES, SPLIT_NAMES, days_text
from components.study.vocabulary import DataOrigin

_WIDE_COLUMNS = 3
_HEADROOM = 1.12
_BELOW_ZERO = 0.12
"""How far below 0 is shown, as a share of the highest: acting for all falls without end."""


@figure_style()
def draw_decision_curves(curves: Sequence[DecisionCurveAtHorizon], *, origin: DataOrigin) -> Figure:
    """Net benefit of an arm's models: one row a split, one column a horizon."""
    splits = list(dict.fromkeys(one.split for one in curves))
    horizons = sorted({one.horizon_days for one in curves})
    columns, lines = max(len(horizons), 1), max(len(splits), 1)
    figure = new_figure(2.9 * max(columns, 2), 2.7 * lines + 0.4, origin=origin)
    grid = figure.subplots(lines, columns, squeeze=False)
    for row, split in enumerate(splits):
        for column, horizon in enumerate(horizons):
            axes = grid[row][column]
            axes.set_title(f"{days_text(horizon)}, {SPLIT_NAMES[split].lower()}", fontsize=9)
            own = [one for one in curves if (one.split, one.horizon_days) == (split, horizon)]
            for one in own:
                _draw(axes, one)
            if not own:
                axes.text(0.5, 0.5, "not estimable", ha="center", color=MUTED)
                axes.set_axis_off()
            if row == lines - 1:
                axes.set_xlabel("Threshold: risk of death")
        grid[row][0].set_ylabel("Net benefit")
    handles, labels = grid[0][0].get_legend_handles_labels()
    ncols = len(labels) if columns >= _WIDE_COLUMNS else 3
    figure.legend(handles, labels, loc="outside upper left", ncols=ncols, fontsize=8)
    return figure


def _draw(axes: Axes, one: DecisionCurveAtHorizon) -> None:
    axes.plot(one.thresholds, one.treat_all, color=MUTED, lw=1, ls="-", label="Acting for all")
    axes.axhline(0, color=MUTED, lw=1, ls=(0, (1, 2)), label="Acting for nobody")
    highest = max(one.treat_all[0], 0.0)
    for kind, benefit in one.models.items():
        known = np.array([np.nan if value is None else value for value in benefit])
        highest = max(highest, float(np.nanmax(known, initial=0.0)))
        axes.plot(
            one.thresholds,
            known,
            color=MODEL_COLORS[kind],
            ls=MODEL_DASHES[kind],
            label=MODEL_NAMES[kind],
        )
    axes.set_xlim(0, 1)
    axes.set_ylim(-_BELOW_ZERO * highest, _HEADROOM * highest)
    axes.grid(visible=True, color=FAINT)
