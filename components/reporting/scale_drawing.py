"""Ruled scales one under another, as a nomogram needs them.

The vertical coordinate is inches from the top of the figure, so that text never collides however
many scales there are; the horizontal one is points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from components.reporting.style import INK, MUTED
from components.reporting.tick_labels import every_nth, lanes, text_width_in, thinned

_LABEL_SIZE = 8.0
_LANE_IN = 0.15
_FIRST_LANE_IN = 0.12
_ROW_IN = 0.40
_GRID = ((0.5, 0.25, "#edf0f4"), (1, 0.3, "#e3e8ee"), (5, 0.45, "#d3dae3"), (10, 0.7, "#c0c9d4"))
_CLOSEST_GRID_IN = 0.034
_NOT_REACHED_IN = 1.1


@dataclass(frozen=True)
class Tick:
    """A labeled mark of a scale; `text` stands at `position` (points)."""

    position: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Scale:
    """One ruled line: its name at the left, labeled ticks, fine ticks between them.

    `labeling`: `all` keeps every label in as many lanes as it takes; `even` keeps every n-th;
    `thin` drops those that do not fit, the ends and the roundest numbers last.
    Over `not_reached` the scale has no values.
    """

    name: str
    detail: str = ""
    ticks: tuple[Tick, ...]
    fine: tuple[float, ...] = ()
    labeling: Literal["all", "even", "thin"] = "all"
    is_ruler: bool = False
    not_reached: tuple[float, float] | None = None


@dataclass(frozen=True)
class PlacedScale:
    """A scale with its baseline (inches from the top) and the lane of each label it shows."""

    scale: Scale
    baseline_in: float
    lane_of: dict[int, int]

    @property
    def below_in(self) -> float:
        """Room that the labels take under the baseline."""
        under = [lane // 2 for lane in self.lane_of.values() if lane % 2 == 0]
        return _FIRST_LANE_IN + _LANE_IN * (1 + max(under, default=0))


def place(
    scales: Sequence[Scale], *, top_in: float, points_range: tuple[float, float], width_in: float
) -> list[PlacedScale]:
    """The scales one under another from `top_in` on, each with the room its labels need."""
    inches_per_point = width_in / (points_range[1] - points_range[0])
    placed: list[PlacedScale] = []
    cursor = top_in
    for scale in scales:
        lane_of = _lanes_of(scale, inches_per_point)
        above = [(lane + 1) // 2 for lane in lane_of.values() if lane % 2 == 1]
        cursor += _LANE_IN * max(above, default=0) + (0.05 if above else 0)
        row = PlacedScale(scale, cursor, lane_of)
        placed.append(row)
        cursor += max(_ROW_IN, row.below_in + 0.13)
    return placed


def _lanes_of(scale: Scale, inches_per_point: float) -> dict[int, int]:
    positions = [tick.position * inches_per_point for tick in scale.ticks]
    widths = [text_width_in(tick.text, _LABEL_SIZE) for tick in scale.ticks]
    if scale.labeling == "all":
        return dict(enumerate(lanes(positions, widths)))
    if scale.labeling == "even":
        return dict.fromkeys(every_nth(positions, widths), 0)
    last = len(positions) - 1
    priority = [
        0 if i in {0, last} else 1 + len(scale.ticks[i].text.rstrip("0")) for i in range(last + 1)
    ]
    return dict.fromkeys(thinned(positions, widths, priority), 0)


def draw_grid(axes: Axes, *, top_in: float, bottom_in: float, width_in: float) -> None:
    """Faint vertical lines at half points, points, fives and tens, as fine as can be printed."""
    low, high = axes.get_xlim()
    for step, line_width, color in _GRID:
        if step * width_in / (high - low) < _CLOSEST_GRID_IN:
            continue
        count = int((high - low) / step + 1e-9)
        marks = [low + step * k for k in range(count + 1)]
        lines = [[(x, top_in), (x, bottom_in)] for x in marks]
        axes.add_collection(
            LineCollection(lines, colors=color, linewidths=line_width, zorder=0, gid="grid")
        )


def draw_scale(axes: Axes, placed: PlacedScale, *, name_x_in: float) -> None:
    """One scale on its axes: name, line, ticks and labels."""
    scale, y = placed.scale, placed.baseline_in
    _name(axes, scale, y, name_x_in)
    positions = [tick.position for tick in scale.ticks] + list(scale.fine)
    if not positions:
        return
    weight = 1.3 if scale.is_ruler else 1.0
    axes.plot([min(positions), max(positions)], [y, y], color=INK, lw=weight, zorder=3)
    _marks(axes, scale.fine, y, length_in=0.035, line_width=0.5)
    _marks(axes, [tick.position for tick in scale.ticks], y, length_in=0.075, line_width=0.9)
    if scale.not_reached is not None:
        _draw_not_reached(axes, scale.not_reached, y)
    for index, lane in placed.lane_of.items():
        _label(axes, scale.ticks[index], y, lane, bold=scale.is_ruler)


def _name(axes: Axes, scale: Scale, y: float, name_x_in: float) -> None:
    offset = -name_x_in * 72
    text = axes.annotate(
        scale.name,
        (0, y),
        xycoords=("axes fraction", "data"),
        xytext=(offset, 5 if scale.detail else 0),
        textcoords="offset points",
        va="center",
        fontweight="bold",
        fontsize=9,
        annotation_clip=False,
    )
    text.set_in_layout(False)
    if scale.detail:
        axes.annotate(
            scale.detail,
            (0, y),
            xycoords=("axes fraction", "data"),
            xytext=(offset, -6.5),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=MUTED,
            annotation_clip=False,
        )


def _marks(
    axes: Axes, positions: Sequence[float], y: float, *, length_in: float, line_width: float
) -> None:
    lines = [[(x, y), (x, y + length_in)] for x in positions]
    axes.add_collection(LineCollection(lines, colors=INK, linewidths=line_width, zorder=3))


def _draw_not_reached(axes: Axes, span: tuple[float, float], y: float) -> None:
    axes.plot(span, [y, y], color=MUTED, lw=1.0, ls=(0, (1, 2)), zorder=3, gid="not-reached")
    low, high = axes.get_xlim()
    width_in = axes.bbox.width / axes.figure.dpi
    if (span[1] - span[0]) / (high - low) * width_in < _NOT_REACHED_IN:
        return
    axes.text(
        span[0],
        y + 0.05,
        "not reached",
        fontsize=7.5,
        fontstyle="italic",
        color=MUTED,
        ha="left",
        va="top",
        zorder=4,
    )


def _label(axes: Axes, tick: Tick, y: float, lane: int, *, bold: bool) -> None:
    is_above, step = lane % 2 == 1, lane // 2
    shift = _FIRST_LANE_IN + _LANE_IN * step if not is_above else -(0.07 + _LANE_IN * step)
    if step or is_above:
        axes.plot([tick.position] * 2, [y, y + shift], color=MUTED, lw=0.5, zorder=2)
    axes.text(
        tick.position,
        y + shift,
        tick.text,
        fontsize=_LABEL_SIZE,
        fontweight="bold" if bold else "normal",
        ha="center",
        va="bottom" if is_above else "top",
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85},
        gid="tick-label",
    )
