"""The scales of a nomogram's drawing, taken from its record: nothing is computed anew."""

from collections.abc import Sequence
from itertools import pairwise

from components.nomogram.axes import NomogramAxis, SurvivalTick
from components.nomogram.nomogram import Nomogram
from components.reporting.scale_drawing import Scale, Tick
from components.reporting.wording import days_text, number

_FINE_PARTS = (10, 5, 2)
_CLOSEST_FINE_IN = 0.03
_DAYS_PER_MONTH = 365 / 12


def points_scales(nomogram: Nomogram, *, width_in: float) -> list[Scale]:
    """The points ruler and one scale a predictor, on an axis of `width_in` inches."""
    longest = longest_points(nomogram)
    ruler = _ruler("Points", [longest * k / 10 for k in range(11)], width_in, longest)
    inches_per_point = width_in / longest
    return [ruler, *(_predictor_scale(axis, inches_per_point) for axis in nomogram.axes)]


def total_scales(nomogram: Nomogram, *, width_in: float) -> list[Scale]:
    """Total points, survival at each estimable horizon, and the median where it is reached."""
    low, high = total_range(nomogram)
    inches_per_point = width_in / (high - low)
    scales = [_ruler("Total points", nomogram.total_ticks, width_in, high - low)]
    scales += [
        _survival_scale(nomogram, days, ticks, inches_per_point)
        for days, ticks in sorted(nomogram.survival_axes.items())
        if ticks
    ]
    return [*scales, *_median_scales(nomogram)]


def longest_points(nomogram: Nomogram) -> float:
    """Points at the right end of the points ruler."""
    return max(max(axis.points) for axis in nomogram.axes)


def total_range(nomogram: Nomogram) -> tuple[float, float]:
    """Ends of the total points ruler: its outer ticks."""
    return nomogram.total_ticks[0], nomogram.total_ticks[-1]


def _ruler(name: str, ticks: Sequence[float], width_in: float, span: float) -> Scale:
    marks = tuple(Tick(value, number(value)) for value in ticks)
    fine = _between([tick.position for tick in marks], width_in / span)
    return Scale(name=name, ticks=marks, fine=fine, labeling="even", is_ruler=True)


def _predictor_scale(axis: NomogramAxis, inches_per_point: float) -> Scale:
    texts = [value if isinstance(value, str) else number(value) for value in axis.ticks]
    ticks = tuple(Tick(p, text) for p, text in zip(axis.points, texts, strict=True))
    is_continuous = axis.predictor.kind == "continuous"
    is_linear = is_continuous and not axis.predictor.knots
    return Scale(
        name=axis.predictor.label,
        detail=axis.predictor.unit or "",
        ticks=ticks,
        fine=_between(axis.points, inches_per_point) if is_linear else (),
        labeling="even" if is_continuous else "all",
    )


def _between(positions: Sequence[float], inches_per_point: float) -> tuple[float, ...]:
    """Equal parts between neighboring ticks of a linear scale, as many as can be told apart."""
    steps = list(pairwise(positions))
    if not steps:
        return ()
    closest = min(abs(b - a) for a, b in steps) * inches_per_point
    parts = next((n for n in _FINE_PARTS if closest / n >= _CLOSEST_FINE_IN), 1)
    return tuple(a + (b - a) * k / parts for a, b in steps for k in range(1, parts))


def _survival_scale(
    nomogram: Nomogram, days: int, ticks: Sequence[SurvivalTick], inches_per_point: float
) -> Scale:
    return Scale(
        name=f"{days_text(days, adjective=True).capitalize()} survival",
        ticks=tuple(Tick(t.total_points, number(t.probability)) for t in ticks),
        fine=_survival_fine(nomogram, days, [t.probability for t in ticks], inches_per_point),
        labeling="thin",
    )


def _survival_fine(
    nomogram: Nomogram, days: int, probabilities: Sequence[float], inches_per_point: float
) -> tuple[float, ...]:
    """Whole, second or fifth percentage points between the ticks, where they can be told apart."""
    fine: list[float] = []
    for high, low in pairwise(probabilities):
        for step in (1, 2, 5):
            percents = [p for p in range(100) if low < p / 100 - 1e-9 and p / 100 + 1e-9 < high]
            marks = [p / 100 for p in percents if p % step == 0]
            along = [nomogram.total_points_at(p, days) for p in (low, *marks, high)]
            gaps = [abs(b - a) * inches_per_point for a, b in pairwise(along)]
            if min(gaps) >= _CLOSEST_FINE_IN:
                fine += along[1:-1]
                break
    return tuple(fine)


def _median_scales(nomogram: Nomogram) -> list[Scale]:
    axis = nomogram.median_axis
    ticks = [
        Tick(t.total_points, number(round(t.time_days / _DAYS_PER_MONTH, 1))) for t in axis.ticks
    ]
    low = total_range(nomogram)[0]
    if not ticks:
        return []
    hatched = (low, axis.not_reached_below) if axis.not_reached_below > low else None
    return [
        Scale(
            name="Median survival",
            detail="months",
            ticks=tuple(ticks),
            labeling="thin",
            not_reached=hatched,
        )
    ]
