"""Round tick values, as R's `pretty()` chooses them."""

import math

from components.errors import UsageError

_HIGH_BIAS = 1.5
"""R's `high.u.bias`: how much a larger unit is preferred to a smaller one."""
_FIVE_BIAS = 0.5 + 1.5 * _HIGH_BIAS
"""R's `u5.bias`: the same for the unit 5."""
_STEPS = ((2, _HIGH_BIAS), (5, _FIVE_BIAS), (10, _HIGH_BIAS))
_ROUNDING = 1e-10


def pretty(low: float, high: float, n: int) -> tuple[float, ...]:
    """About `n` + 1 equally spaced round values that cover [low, high].

    The unit is 1, 2, 5 or 10 times a power of ten, the one that R's `pretty(c(low, high), n)`
    takes (Becker, Chambers & Wilks 1988, The New S Language; documented in R's help page).

    Raises:
        UsageError: The range is empty or not finite, or `n` is below 1.
    """
    if n < 1 or not math.isfinite(high - low) or high - low <= _ROUNDING * max(abs(low), abs(high)):
        msg = f"expected a range with low < high and n of at least 1, came [{low}, {high}], n={n}"
        raise UsageError(msg)
    unit, decimals = _unit((high - low) / n)
    first = math.floor(low / unit + _ROUNDING)
    last = math.ceil(high / unit - _ROUNDING)
    return tuple(round(i * unit, decimals) + 0.0 for i in range(first, last + 1))


def _unit(cell: float) -> tuple[float, int]:
    """The unit for intervals of about `cell`, and the decimals that its multiples have."""
    exponent = math.floor(math.log10(cell))
    base = 10.0**exponent
    unit = base
    for multiple, bias in _STEPS:
        if multiple * base - cell >= bias * (cell - unit):
            break
        unit = multiple * base
    return unit, max(0, -exponent)
