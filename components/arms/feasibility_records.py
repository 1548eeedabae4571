"""What a clinical sheet alone says of a study: deaths, follow-up, model size, overlap."""

from components.study.results import Estimate, Record
from components.study.vocabulary import TreatmentArm


class HorizonOutlook(Record):
    """An arm at a horizon, and in a test set drawn of it.

    The horizon rule asks for enough deaths by the horizon and enough patients followed beyond it.
    `further` is how many more patients like these it takes until the rule is met in the test set;
    None where it is, or where `why` says that no number of such patients helps.
    """

    horizon_days: int
    n_died: int
    n_beyond: int
    n_unknown: int
    is_estimable: bool
    test_died: int
    test_beyond: int
    is_estimable_in_test: bool
    further: int | None
    why: str | None
    survival: Estimate


class ModelSize(Record):
    """Patients that a Cox model of so many parameters asks for (Riley et al. 2019).

    `r2` is Cox and Snell's, corrected for optimism; `basis` says where it comes from. Each `by_*`
    is the number of one criterion, None where it cannot be told; `minimum_n` is the largest,
    `n_fitted` how many would be fitted on now, and `further` how many more must be recruited so
    that the training part reaches the minimum.
    """

    basis: str
    n_parameters: int
    r2: float | None
    shrinkage: float | None
    by_shrinkage: int | None
    by_optimism: int | None
    by_overall_risk: int | None
    minimum_n: int | None
    minimum_events: int | None
    n_fitted: int
    further: int | None


class Accrual(Record):
    """Patients by quarter of treatment, first to last, empty quarters among them."""

    quarters: tuple[str, ...]
    counts: tuple[int, ...]

    @property
    def per_quarter(self) -> float:
        """Patients a quarter over the last two years, or over all of a shorter stretch.

        The last quarter is left out where there are others: it may have been cut short.
        """
        whole = self.counts[:-1] or self.counts
        recent = whole[-8:]
        return sum(recent) / len(recent)


class SurvivalCurve(Record):
    """Kaplan-Meier curve, right-continuous at `times_days`; `n_at_risk` belongs to `ticks_days`."""

    times_days: tuple[float, ...]
    survival: tuple[float, ...]
    lower: tuple[float | None, ...]
    upper: tuple[float | None, ...]
    ticks_days: tuple[float, ...]
    n_at_risk: tuple[int, ...]


class GateOutlook(Record):
    """The chance that a later model exactly as good passes the gate on this arm's test patients.

    `standard_error` is that of a paired difference in C, expected at `n_test` test patients.
    """

    n_test: int
    standard_error: float
    chance: float


class ArmFeasibility(Record):
    """What the sheet says of one arm.

    `candidates` are the predictors' labels, `n_parameters` the columns that they span.
    `last_estimable_days` is where the horizon rule ends in all patients of the arm.
    """

    arm: TreatmentArm
    n: int
    n_events: int
    n_train: int
    n_train_events: int
    n_test: int
    n_test_events: int
    follow_up: Estimate
    median_survival: Estimate
    last_estimable_days: float | None
    horizons: tuple[HorizonOutlook, ...]
    curve: SurvivalCurve
    candidates: tuple[str, ...]
    n_parameters: int
    sizes: tuple[ModelSize, ...]
    accrual: Accrual | None
    gate: GateOutlook
    notes: tuple[str, ...]


class ArmOverlap(Record):
    """How far two arms hold patients like each other, by the propensity for the second.

    `c_statistic` is cross-validated. `densities` are shares of each arm's patients in equal bins of
    the propensity from 0 to 1; `common` is the share of them that lies under both. `in_range` are
    each arm's patients whose propensity lies between 0.1 and 0.9 (Crump et al. 2009,
    doi:10.1093/biomet/asn055), `effective` the effective number of each arm in the overlap
    population (weights of Li et al. 2018, doi:10.1080/01621459.2016.1260466). Where `why_not` says
    that nothing could be fitted, the rest is empty.
    """

    first: TreatmentArm
    second: TreatmentArm
    predictors: tuple[str, ...]
    c_statistic: float | None
    common: float | None
    in_range: dict[TreatmentArm, int]
    effective: dict[TreatmentArm, float]
    sizes: dict[TreatmentArm, int]
    densities: dict[TreatmentArm, tuple[float, ...]]
    sentence: str
    notes: tuple[str, ...] = ()
    why_not: str | None = None
