"""Agreement with R within a stated relative tolerance, and the ledger of what was seen."""

import numpy as np
from numpy.typing import ArrayLike

LEDGER: dict[str, tuple[float, float]] = {}
"""By quantity: the largest relative difference seen, and the tolerance."""


def agree(
    quantity: str,
    ours: ArrayLike,
    theirs: ArrayLike,
    *,
    rtol: float,
    scale: ArrayLike | None = None,
    atol: float = 0.0,
) -> None:
    """Asserts that ours are R's numbers; R's NA (None) must be NaN here too.

    Args:
        quantity: What is compared, for the ledger.
        ours: Numbers of any shape.
        theirs: R's, of the same shape.
        rtol: Largest difference, relative to `scale`.
        scale: What differences are relative to; by default R's own number.
        atol: Differences below this are rounding (numbers that are 0 by definition).
    """
    a, b = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    assert a.shape == b.shape, f"{quantity}: shape {a.shape} here, {b.shape} in R"
    assert np.array_equal(np.isnan(a), np.isnan(b)), f"{quantity}: other numbers are missing in R"
    known = ~np.isnan(b) & (a != b)
    if not known.any():
        LEDGER.setdefault(quantity, (0.0, rtol))
        return
    against = np.broadcast_to(np.abs(b) if scale is None else np.asarray(scale), b.shape)[known]
    off = np.abs(a - b)[known]
    with np.errstate(divide="ignore"):
        relative = np.where(off <= atol, 0.0, off / against)
    worst = float(relative.max())
    LEDGER[quantity] = (max(worst, LEDGER.get(quantity, (0.0, rtol))[0]), rtol)
    assert worst <= rtol, f"{quantity}: {worst:.2e} from R, at most {rtol:g} is allowed"
