"""Tables of a study's feasibility: patients and deaths, horizons, model size, overlap."""

from collections.abc import Sequence

from components.arms.feasibility_records import (
    ArmFeasibility,
    ArmOverlap,
    HorizonOutlook,
    ModelSize,
)
from components.reporting.feasibility_verdict import time_to_recruit
from components.reporting.html_table import Table, table
from components.reporting.wording import ABSENT, days_text, estimate_text
from components.study.results import Estimate

_DAYS_PER_MONTH = 365 / 12


def patients_table(arms: Sequence[ArmFeasibility]) -> Table:
    """How many patients and deaths each arm has, how long they are followed, how fast they come."""
    rows = [
        ("Eligible patients (died)", *(f"{one.n} ({one.n_events})" for one in arms)),
        ("Of them training (died)", *(f"{one.n_train} ({one.n_train_events})" for one in arms)),
        ("Of them test (died)", *(f"{one.n_test} ({one.n_test_events})" for one in arms)),
        ("Median follow-up, months", *(_months(one.follow_up) for one in arms)),
        ("Median survival, months", *(_months(one.median_survival) for one in arms)),
        ("Last estimable day", *(_last(one) for one in arms)),
        ("Candidate parameters", *(str(one.n_parameters) for one in arms)),
        ("Training deaths a parameter", *(_per_parameter(one) for one in arms)),
        ("Patients a quarter", *(_pace(one) for one in arms)),
    ]
    notes = [
        "Follow-up by reverse Kaplan-Meier, survival by Kaplan-Meier, with intervals. Last "
        "estimable day: until when the horizon rule lets all patients of the arm speak.",
        *(
            f"{one.arm.label}: patients a quarter over the last two years but for the last quarter "
            f"({one.accrual.quarters[0]} to {one.accrual.quarters[-1]} in all)."
            for one in arms
            if one.accrual is not None
        ),
    ]
    columns = ("", *(one.arm.label for one in arms))
    return table("Patients, deaths, follow-up", columns, rows, notes=notes)


def horizon_table(arms: Sequence[ArmFeasibility]) -> Table:
    """Deaths by and patients beyond each horizon, and what the horizon rule still asks for."""
    rows: list[tuple[str, ...]] = []
    for arm in arms:
        for one in arm.horizons:
            survival = one.survival
            rows.append(
                (
                    f"{arm.arm.label}, {days_text(one.horizon_days)}",
                    str(one.n_died),
                    str(one.n_beyond),
                    str(one.n_unknown),
                    ABSENT if survival.value is None else estimate_text(survival, 2),
                    f"{one.test_died} / {one.test_beyond}",
                    _asks(one),
                )
            )
    columns = (
        "Arm, horizon",
        "Died by it",
        "Followed beyond",
        "Censored before",
        "Survival",
        "In the test part",
        "The horizon rule asks for",
    )
    notes = [
        "In the test part: died by the horizon / followed beyond it, in one draw of the split."
    ]
    return table("Horizons", columns, rows, notes=notes, text_columns=(6,))


def _asks(one: HorizonOutlook) -> str:
    if one.is_estimable_in_test:
        return "nothing more"
    return f"{one.further} more" if one.why is None else one.why


def size_table(arms: Sequence[ArmFeasibility]) -> Table:
    """What Riley's criteria ask for, and how many patients that leaves to be found."""
    rows: list[tuple[str, ...]] = []
    for arm in arms:
        if arm.sizes:
            rows.append((arm.arm.label,))
        rows += [_size_row(arm, one) for one in arm.sizes]
    columns = (
        "R2 taken",
        "Parameters",
        "R2",
        "Shrinkage 0.9",
        "Optimism 0.05",
        "Risk to 0.05",
        "Least n (deaths)",
        "Now",
        "To recruit",
    )
    notes = [
        "Patients that each criterion of Riley et al. 2019 (10.1002/sim.7992) asks for: a "
        "shrinkage of at least 0.9, an optimism of at most 0.05 in R2, the overall risk known to "
        "0.05 either way. R2: Cox and Snell's, corrected for optimism. To recruit: training "
        "and test together, at the split's share. Planned: where nothing is known one takes 15% of "
        "the largest R2 that these deaths allow; the signature is one parameter.",
    ]
    return table("How many patients the models ask for", columns, rows, notes=notes)


def _size_row(arm: ArmFeasibility, one: ModelSize) -> tuple[str, ...]:
    return (
        one.basis,
        str(one.n_parameters),
        ABSENT if one.r2 is None else f"{one.r2:.3f}",
        _count(one.by_shrinkage),
        _count(one.by_optimism),
        _count(one.by_overall_risk),
        _minimum(one),
        str(one.n_fitted),
        _further(arm, one),
    )


def _minimum(one: ModelSize) -> str:
    return ABSENT if one.minimum_n is None else f"{one.minimum_n} ({one.minimum_events})"


def _further(arm: ArmFeasibility, one: ModelSize) -> str:
    """How many more, and how long they take to come at the present pace."""
    if one.further is None:
        return ABSENT
    pace = arm.accrual.per_quarter if arm.accrual is not None else 0.0
    if not one.further or not pace:
        return str(one.further)
    return f"{one.further} ({time_to_recruit(one.further, pace)})"


def overlap_table(overlap: ArmOverlap) -> Table:
    """The figures of the overlap of two arms, an arm a column."""
    pair = (overlap.first, overlap.second)
    rows = [
        ("Patients", *(str(overlap.sizes[arm]) for arm in pair)),
        ("Propensity 0.1 to 0.9", *(str(overlap.in_range[arm]) for arm in pair)),
        (
            "Effective number in the overlap population",
            *(f"{overlap.effective[arm]:.0f}" for arm in pair),
        ),
    ]
    notes = [
        f"c-statistic {overlap.c_statistic:.2f}, cross-validated; "
        f"{100 * (overlap.common or 0):.0f}% of the two distributions lie under each other. "
        f"Logistic regression on {', '.join(overlap.predictors)}.",
    ]
    caption = f"Overlap of {pair[0].label} and {pair[1].label}"
    return table(caption, ("", *(arm.label for arm in pair)), rows, notes=notes)


def _months(estimate: Estimate) -> str:
    if estimate.value is None:
        return estimate.note or "not estimable"
    value, low, high = (
        None if one is None else one / _DAYS_PER_MONTH
        for one in (estimate.value, estimate.lower, estimate.upper)
    )
    ends = ["\u2013" if one is None else f"{one:.1f}" for one in (low, high)]
    return f"{value:.1f} ({ends[0]} to {ends[1]})"


def _last(one: ArmFeasibility) -> str:
    return "none" if one.last_estimable_days is None else f"{one.last_estimable_days:.0f}"


def _per_parameter(one: ArmFeasibility) -> str:
    return f"{one.n_train_events / one.n_parameters:.1f}" if one.n_parameters else ABSENT


def _pace(one: ArmFeasibility) -> str:
    return "not known" if one.accrual is None else f"{one.accrual.per_quarter:.1f}"


def _count(n: int | None) -> str:
    return ABSENT if n is None else str(n)
