"""What every section of a protocol has in common: how it refuses, and the bounds of its numbers."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A frozen part of the protocol; a key that it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def ascending(values: Sequence[Any]) -> Sequence[Any]:
    """The values, once each is larger than the one before.

    Raises:
        ValueError: One is not.
    """
    if any(later <= earlier for earlier, later in pairwise(values)):
        msg = f"expected each value to be larger than the one before, came {list(values)}"
        raise ValueError(msg)
    return values


def ordered(limits: tuple[float, float]) -> tuple[float, float]:
    """The limits, once the first is not above the second.

    Raises:
        ValueError: It is.
    """
    if limits[0] > limits[1]:
        msg = f"expected [low, high] with low at most high, came {list(limits)}"
        raise ValueError(msg)
    return limits


def unique(values: Sequence[Any]) -> Sequence[Any]:
    """The values, once none stands twice.

    Raises:
        ValueError: One does.
    """
    if len(set(values)) < len(values):
        twice = sorted({str(value) for value in values if list(values).count(value) > 1})
        msg = f"expected each entry once, came twice: {', '.join(twice)}"
        raise ValueError(msg)
    return values


Days = Annotated[int, Field(gt=0, le=36_525)]
"""A time in days within a hundred years."""

Folds = Annotated[int, Field(ge=3, le=20)]
"""Folds of a cross-validation of a penalty."""

Share = Annotated[float, Field(ge=0, lt=1)]
"""A share that is never the whole."""
