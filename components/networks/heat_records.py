"""What the heat maps of a cohort say, as records without arrays or torch."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import stats

from components.study.results import Record, metric_name
from components.study.vocabulary import RiskLabel, Split, TreatmentArm

LIKE_LIMIT = 0.5
"""Maps that correlate less than this with those of shuffled weights hang on what was learned."""

_METRIC_SPLITS = {Split.TRAIN: "apparent", Split.TEST: "test"}

ExampleKind = Literal["highest_risk", "lowest_risk", "most_wrong"]


class Spread(Record):
    """Median of n values, its interval, and the quartiles; None where there is no value.

    The interval lies between two of the ordered values, whose ranks are binomial quantiles: it
    needs no shape of the distribution (Conover 1999, Practical Nonparametric Statistics, 3.2).
    With few values even the outermost two cover less than `level`.
    """

    median: float | None
    lower: float | None
    upper: float | None
    lower_quartile: float | None
    upper_quartile: float | None
    n: int
    level: float

    @classmethod
    def of(cls, values: NDArray[np.floating], *, level: float) -> "Spread":
        """The spread of the values (n,) that are finite."""
        ordered = np.sort(values[np.isfinite(values)].astype(np.float64))
        n = len(ordered)
        if n == 0:
            nothing = dict.fromkeys(
                ("median", "lower", "upper", "lower_quartile", "upper_quartile")
            )
            return cls(**nothing, n=0, level=level)
        below = max(int(stats.binom.ppf((1 - level) / 2, n, 0.5)), 1)
        quarter, half, three_quarters = np.quantile(ordered, [0.25, 0.5, 0.75])
        return cls(
            median=float(half),
            lower=float(ordered[below - 1]),
            upper=float(ordered[n - below]),
            lower_quartile=float(quarter),
            upper_quartile=float(three_quarters),
            n=n,
            level=level,
        )


class HeatOfPart(Record):
    """The heat of an arm's patients in a split.

    `ratio` is the share of heat inside the ROI over the ROI's share of the field, 1 where heat
    knows nothing of the ROI. `lowest` and `highest` are medians of what a map of so few cells can
    reach at all. `n_without_heat` patients have no map: nothing in them speaks for high risk.
    """

    arm: TreatmentArm
    split: Split
    n: int
    n_without_heat: int
    ratio: Spread
    roi_share: float
    lowest: float
    highest: float

    @property
    def metric(self) -> str:
        """The ratio's name in MLflow; training patients' is apparent."""
        return metric_name(
            _METRIC_SPLITS[self.split], self.arm.value, "dl_probability", "heat_in_roi_ratio"
        )


def parts_of(
    arms: NDArray[np.str_],
    splits: NDArray[np.str_],
    ratio: NDArray[np.float64],
    roi_share: NDArray[np.float64],
    reach: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    level: float,
) -> tuple[HeatOfPart, ...]:
    """The heat of each arm in each split, where there are patients.

    Args:
        arms: Of n patients.
        splits: Theirs.
        ratio: Theirs, NaN without heat.
        roi_share: Theirs.
        reach: The lowest and the highest ratio that each one's map can have.
        level: Confidence of the medians' intervals.
    """
    found = []
    for arm in TreatmentArm:
        for split in Split:
            rows = (arms == arm.value) & (splits == split.value)
            if not rows.any():
                continue
            found.append(
                HeatOfPart(
                    arm=arm,
                    split=split,
                    n=int(rows.sum()),
                    n_without_heat=int(np.sum(~np.isfinite(ratio[rows]))),
                    ratio=Spread.of(ratio[rows], level=level),
                    roi_share=float(np.median(roi_share[rows])),
                    lowest=float(np.median(reach[0][rows])),
                    highest=float(np.median(reach[1][rows])),
                )
            )
    return tuple(found)


class RandomisationCheck(Record):
    """Whether the maps hang on what was learned (Adebayo 2018, arXiv:1810.03292).

    Spearman's correlation of a patient's map with the map of the same network with its weights
    shuffled, over the map's cells, in `n_draws` draws; a pair without a map on either side, or
    with an even one, has none (`n_undefined` of n_patients x n_draws). `medians` are those of each
    draw, `correlation` the spread over patients of their mean over the draws.
    """

    n_patients: int
    n_draws: int
    n_undefined: int
    medians: tuple[float | None, ...]
    correlation: Spread
    limit: float = LIKE_LIMIT

    @property
    def passed(self) -> bool | None:
        """Whether the median lies below the limit; None where most pairs of maps have none."""
        if self.correlation.median is None or 2 * self.n_undefined > self.n_patients * self.n_draws:
            return None
        return self.correlation.median < self.limit


class HeatExample(Record):
    """A training patient whose map the report shows, named by what makes the example.

    `oof_probability` is of the fold network that has not seen the patient, `probability` of the
    network that the map explains. `weighted_error` is the label's weight times the distance of
    the out-of-fold probability from it. `phase` is the CT's that is shown.
    """

    kind: ExampleKind
    arm: TreatmentArm
    label: RiskLabel
    oof_probability: float
    probability: float
    weighted_error: float
    ratio: float | None
    phase: Literal["portal venous", "arterial"]


class HeatMaps(Record):
    """All that is reported of a network's heat maps.

    `cells` are those of a map before it is enlarged to the crop of `crop_px`.
    """

    schema_: Literal["armwise.heat_maps/1"] = Field(default="armwise.heat_maps/1", alias="schema")
    network_id: str
    layer: str
    cells: tuple[int, int]
    crop_px: int
    parts: tuple[HeatOfPart, ...]
    check: RandomisationCheck
    examples: tuple[HeatExample, ...]

    def metrics(self) -> dict[str, float]:
        """The figures under their names in MLflow."""
        check = metric_name("apparent", "pooled", "dl_probability", "heat_shuffled_spearman")
        found = {one.metric: one.ratio for one in self.parts} | {check: self.check.correlation}
        suffixed = {
            f"{name}{suffix}": value
            for name, spread in found.items()
            for suffix, value in (
                ("", spread.median),
                ("_lower", spread.lower),
                ("_upper", spread.upper),
            )
        }
        return {name: value for name, value in suffixed.items() if value is not None}
