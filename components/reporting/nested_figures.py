"""Every fold's C of a nested cross-validation, honest and leaky side by side."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.reporting.style import INK, MUTED, SERIES_COLORS, figure_style, new_figure
from components.signature.nested_records import NO_VALUE, FoldFigures, NestedSignature
from components.study.vocabulary import DataOrigin

_HONEST, _LEAKY = SERIES_COLORS[2], SERIES_COLORS[1]
_ROW_IN = 0.62
_SPREAD = 0.5
_GOLDEN = 0.618034


@figure_style()
def draw_nested(nested: NestedSignature, *, origin: DataOrigin) -> Figure:
    """A strip a path and way: the folds' C, their mean with its interval, the apparent C."""
    strips = [
        (f"{name}, {way}", figures, path.apparent, color)
        for name, path in nested.paths.items()
        for way, figures, color in (
            ("honest", path.honest, _HONEST),
            ("leakage", path.leaky, _LEAKY),
        )
        if figures is not None
    ]
    figure = new_figure(7.4, 1.1 + _ROW_IN * len(strips), origin=origin)
    axes = figure.subplots()
    axes.axvline(NO_VALUE, color=MUTED, lw=0.9, ls=":")
    for row, (_, figures, apparent, color) in enumerate(strips):
        _draw_strip(axes, row, figures, color=color)
        if apparent is not None:
            _draw_apparent(axes, row, apparent)
    axes.set_yticks(range(len(strips)), [name for name, *_ in strips])
    axes.set_ylim(len(strips) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel("Harrell's C within arms, by fold")
    return figure


def _draw_strip(axes: Axes, row: int, figures: FoldFigures, *, color: str) -> None:
    values = [c for draw in figures.values for c in draw if c is not None]
    axes.scatter(values, row + _offsets(values), s=14, color=color, alpha=0.45, lw=0, zorder=2)
    estimate = figures.estimate
    if estimate.value is None:
        return
    if estimate.lower is not None and estimate.upper is not None:
        axes.plot([estimate.lower, estimate.upper], [row, row], color=color, lw=2.2, zorder=3)
    axes.plot(estimate.value, row, marker="D", ms=7, mfc=color, mec="white", zorder=4)


def _draw_apparent(axes: Axes, row: int, apparent: float) -> None:
    axes.plot([apparent] * 2, [row - 0.3, row + 0.3], color=INK, lw=1.6)
    axes.annotate("apparent", (apparent, row - 0.33), ha="center", va="bottom", fontsize=7)


def _offsets(values: Sequence[float]) -> np.ndarray:
    """Where each dot stands beside the strip's line: spread evenly, the same each time."""
    return ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5) * _SPREAD
