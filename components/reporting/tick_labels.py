"""Where the labels of a scale go so that no two overlap.

Positions and widths are in inches along the scale. A label is centered on its tick.
"""

from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

_POINTS_PER_INCH = 72
_FALLBACK_FONT_ALLOWANCE = 1.08
GAP_IN = 0.055


@cache
def text_width_in(text: str, font_size: float) -> float:
    """Width of a text in inches, with room for a reader's slightly wider font."""
    if not text.strip():
        return 0.0
    outline = TextPath((0, 0), text, size=font_size, prop=FontProperties(family="DejaVu Sans"))
    return float(outline.get_extents().width) / _POINTS_PER_INCH * _FALLBACK_FONT_ALLOWANCE


def lanes(positions_in: Sequence[float], widths_in: Sequence[float]) -> list[int]:
    """The lane of each label, 0 for the first choice, so that labels of a lane never overlap.

    From left to right each label takes the first lane in which it fits: every label is kept.
    """
    ends: list[float] = []
    chosen = [0] * len(positions_in)
    for index in sorted(range(len(positions_in)), key=lambda i: (positions_in[i], i)):
        left = positions_in[index] - widths_in[index] / 2
        lane = next((k for k, end in enumerate(ends) if end + GAP_IN <= left), len(ends))
        right = positions_in[index] + widths_in[index] / 2
        ends[lane : lane + 1] = [right]
        chosen[index] = lane
    return chosen


def thinned(
    positions_in: Sequence[float], widths_in: Sequence[float], priority: Sequence[float]
) -> list[int]:
    """The labels that one lane can hold, by ascending priority; both ends are kept if they fit."""
    kept: list[int] = []
    for index in sorted(range(len(positions_in)), key=lambda i: (priority[i], positions_in[i])):
        if all(_apart(positions_in, widths_in, index, other) for other in kept):
            kept.append(index)
    return sorted(kept)


def _apart(positions_in: Sequence[float], widths_in: Sequence[float], a: int, b: int) -> bool:
    room = (widths_in[a] + widths_in[b]) / 2 + GAP_IN
    return abs(positions_in[a] - positions_in[b]) >= room


def every_nth(positions_in: Sequence[float], widths_in: Sequence[float]) -> list[int]:
    """The labels of an even scale: every one, every second, every fifth, ... that fit."""
    n = len(positions_in)
    for step in (1, 2, 5, 10, 20, 50):
        kept = list(range(0, n, step))
        if all(_apart(positions_in, widths_in, a, b) for a, b in pairwise(kept)):
            return kept
    return [0]
