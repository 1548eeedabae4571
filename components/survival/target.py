"""The survival endpoint as arrays, validated once."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from components.errors import CohortRejected

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.int64]

# Times that differ by no more than this, or by this share of their mean, are one time.
_ROUNDING = float(np.sqrt(np.finfo(np.float64).eps))


@dataclass(frozen=True, eq=False)
class SurvivalTarget:
    """Follow-up of `n` patients: `time_days` (n,) positive and finite, `event` (n,) death or not.

    Raises:
        CohortRejected: A time is missing, infinite, zero or negative, or the lengths differ; of
            `of` also: an event is neither 0 nor 1.
    """

    time_days: FloatArray
    event: BoolArray

    def __post_init__(self) -> None:
        if self.time_days.shape != self.event.shape or self.time_days.ndim != 1:
            msg = (
                f"expected as many times as events, came {self.time_days.shape} times "
                f"and {self.event.shape} events"
            )
            raise CohortRejected(msg)
        if not np.all(np.isfinite(self.time_days)) or np.any(self.time_days <= 0):
            raise CohortRejected(_bad_times(self.time_days))

    @classmethod
    def of(cls, time_days: ArrayLike, event: ArrayLike) -> Self:
        """The target of anything that converts to arrays; events are 0 and 1, or booleans.

        Times that only rounding keeps apart (a year as 365.25 / 365.25 and as 1) are made equal,
        as R's `coxph`, `survfit` and `concordance` do (`timefix`).
        """
        made = cls(np.asarray(time_days, dtype=np.float64), _events(event))
        return cls(_without_rounding(made.time_days), made.event)

    @property
    def n(self) -> int:
        """Number of patients."""
        return int(self.time_days.size)

    @property
    def n_events(self) -> int:
        """Number of deaths."""
        return int(np.sum(self.event))

    def subset(self, where: NDArray[Any]) -> Self:
        """The patients of a boolean mask (n,) or of row numbers, in that order."""
        return type(self)(self.time_days[where], self.event[where])

    def truncated(self, days: float) -> Self:
        """The same patients with follow-up cut off: who lives beyond `days` is censored there."""
        return type(self)(np.minimum(self.time_days, days), self.event & (self.time_days <= days))

    def structured(self) -> NDArray[Any]:
        """The structured array that scikit-survival expects (fields `event`, `time`)."""
        out = np.empty(self.n, dtype=[("event", "?"), ("time", "f8")])
        out["event"], out["time"] = self.event, self.time_days
        return out


def _without_rounding(time_days: FloatArray) -> FloatArray:
    """The times, each run of neighbors within rounding set to its first (R: `aeqSurv`)."""
    levels = np.unique(time_days)
    apart = np.diff(levels)
    # The mean of nothing is a warning.
    tied = (apart <= _ROUNDING) | (apart <= _ROUNDING * levels.mean()) if apart.size else apart > 0
    if not tied.any():
        return time_days
    firsts = levels[np.concatenate([[True], ~tied])]
    return np.asarray(firsts[np.searchsorted(firsts, time_days, side="right") - 1])


def _bad_times(time_days: FloatArray) -> str:
    """The message that counts the times by what is wrong with them."""
    kinds = {
        "missing": np.isnan(time_days),
        "infinite": np.isinf(time_days),
        "of 0": time_days == 0,
        "negative": np.isfinite(time_days) & (time_days < 0),
    }
    counts = ", ".join(f"{int(bad.sum())} {kind}" for kind, bad in kinds.items() if bad.any())
    n_bad = sum(int(bad.sum()) for bad in kinds.values())
    advice = "; a death on the first day counts as half a day" if kinds["of 0"].any() else ""
    return f"expected finite follow-up times above 0 days, {n_bad} are not ({counts}){advice}"


def _events(event: ArrayLike) -> BoolArray:
    values = np.asarray(event)
    if values.dtype == np.bool_:
        return values
    numbers = np.asarray(values, dtype=np.float64)
    bad = int(np.sum((numbers != 0) & (numbers != 1)))
    if bad:
        msg = (
            f"expected events of 0 (censored) or 1 (died), {bad} of {numbers.size} are missing or "
            "something else"
        )
        raise CohortRejected(msg)
    return np.asarray(numbers, dtype=np.bool_)
