"""The record of a nested cross-validation of a signature: honest, leaky and apparent figures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from pydantic import Field

from components.study.results import Estimate, Record, estimate_metrics, metric_name
from components.survival.intervals import repeated_cv_estimate
from components.survival.target import SurvivalTarget

_METHOD = (
    "mean over the folds of repeated cross-validation of Harrell's C within arms, interval with "
    "the variance corrected for shared patients (Nadeau and Bengio), Student's t"
)

NO_VALUE = 0.5
"""C of a score that orders nobody."""


@dataclass(frozen=True)
class FoldOutcome:
    """C of one signature in the fold that it has not seen; `why` says why there is none."""

    c: float | None
    is_null: bool = False
    why: str | None = None


class FoldFigures(Record):
    """C of each fold, a row for each draw of the folds.

    A fold in which nothing was selected counts 0.5 (`n_null`); one whose signature could not be
    fitted, or that holds no comparable pair, is None (`missing` counts the reasons). `estimate` is
    the mean with the interval of `repeated_cv_estimate`; `sd_repeats` that of the draws' means.
    """

    values: tuple[tuple[float | None, ...], ...]
    n_null: int
    missing: dict[str, int]
    estimate: Estimate
    sd_folds: float | None
    sd_repeats: float | None

    @classmethod
    def of(
        cls,
        outcomes: Sequence[FoldOutcome],
        target: SurvivalTarget,
        *,
        n_folds: int,
        level: float,
    ) -> Self:
        """The figures of the folds of all draws, draw by draw."""
        values = [one.c for one in outcomes]
        draws = [values[start : start + n_folds] for start in range(0, len(values), n_folds)]
        means = [_mean([c for c in draw if c is not None]) for draw in draws]
        known = [c for c in values if c is not None]
        missing = Counter(one.why for one in outcomes if one.why is not None)
        return cls(
            values=tuple(map(tuple, draws)),
            n_null=sum(one.is_null for one in outcomes),
            missing=dict(missing),
            estimate=repeated_cv_estimate(
                target, np.array(known), n_folds=n_folds, method=_METHOD, level=level
            ),
            sd_folds=_sd(known),
            sd_repeats=_sd([mean for mean in means if mean is not None]),
        )

    @property
    def n_folds(self) -> int:
        """All folds of all draws."""
        return sum(len(draw) for draw in self.values)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _sd(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


class NestedPath(Record):
    """The figures of one way from features to signature.

    `honest`: every step inside the training part of each fold. `leaky`: the filter has seen all
    patients and only the LASSO is cross-validated, on the same folds; None where no filter looks
    at the outcome. `apparent`: fitted and judged on all patients. The counts are of that fit.
    """

    honest: FoldFigures
    leaky: FoldFigures | None
    apparent: float | None
    n_features_in: int
    n_after_correlation: int
    n_after_screen: int
    n_selected: int

    @property
    def has_evident_value(self) -> bool:
        """Whether the lower limit of the honest figure lies above 0.5."""
        lower = self.honest.estimate.lower
        return lower is not None and lower > NO_VALUE

    @property
    def leak(self) -> float | None:
        """By how much the leaky mean exceeds the honest one."""
        leaky = None if self.leaky is None else self.leaky.estimate.value
        honest = self.honest.estimate.value
        return None if leaky is None or honest is None else leaky - honest


class NestedSignature(Record):
    """Nested cross-validation of one table of features; `paths` by name, all on the same folds.

    `merged_strata` of arm and death were smaller than the folds and drawn as one.
    """

    schema_: Literal["armwise.nested_signature/1"] = Field(
        default="armwise.nested_signature/1", alias="schema"
    )
    paths: dict[str, NestedPath]
    n_by_arm: dict[str, int]
    n: int
    n_events: int
    n_folds: int
    n_repeats: int
    level: float
    seed: int
    merged_strata: tuple[str, ...] = ()

    def metrics(self) -> dict[str, float]:
        """The figures under their names in MLflow, one set a path."""
        arms = list(self.n_by_arm)
        group = arms[0] if len(arms) == 1 else "within_arms"
        found: dict[str, float] = {}
        for name, path in self.paths.items():
            model = f"dl_signature_{name}"
            parts = {"nested": path.honest, "leaky": path.leaky}
            for split, figures in parts.items():
                if figures is not None:
                    key = metric_name(split, group, model, "c_harrell")
                    found |= estimate_metrics(key, figures.estimate)
            if path.apparent is not None:
                found[metric_name("apparent", group, model, "c_harrell")] = path.apparent
        return found
