"""The tables of an arm's models: figures with intervals, coefficients, sample size."""

import math
from collections.abc import Iterable, Sequence

from components.arms.records import ArmModels, ModelEvaluation, RiskGroups
from components.arms.two_step import Selection
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.wording import (
    ABSENT,
    MODEL_NAMES,
    MODEL_PHRASES,
    SPLIT_NAMES,
    days_text,
    estimate_text,
    estimator_text,
    number,
    p_text,
    significant,
)
from components.study.results import Estimate
from components.study.vocabulary import Split
from components.survival.cox import CoxModel

_Z_95 = 1.959963984540054
_SHORT = {Split.TRAIN: "apparent", Split.TEST: "test"}


def c_index_table(arms: Iterable[ArmModels], estimator: str = "c_harrell") -> Table:
    """The models' C-index, training (apparent) beside test."""
    rows: list[tuple[str, ...]] = []
    marked: list[int] = []
    footnotes = Footnotes()
    for arm in arms:
        rows.append((arm.arm.label,))
        for kind in arm.kinds:
            if kind is arm.nomogram_kind:
                marked.append(len(rows))
            by_split = {one.split: one for one in arm.evaluations if one.kind is kind}
            found = [_figure(by_split.get(split), estimator) for split in Split]
            cells = [footnotes.cell(one) for one in found]
            sizes = [f"{one.n} ({one.n_events})" if one else ABSENT for one in found]
            rows.append((MODEL_NAMES[kind], cells[0], sizes[0], cells[1], sizes[1]))
    parts = [head for split in Split for head in (SPLIT_NAMES[split], "n (deaths)")]
    return table(
        f"{estimator_text(estimator)} of the Cox models (95% interval)",
        ("Model", *parts),
        rows,
        notes=[
            "Marked: the model of the arm's nomogram. Apparent figures are too good.",
            *footnotes.lines(),
        ],
        marked_rows=marked,
    )


def _figure(evaluation: ModelEvaluation | None, estimator: str) -> Estimate | None:
    return evaluation.estimates.get(estimator) if evaluation else None


def coefficients_table(model: CoxModel, caption: str) -> Table:
    """Coefficients, hazard ratios with Wald intervals, and what was penalized."""
    labels = {
        column: column_text(predictor.label, column, unit=predictor.unit)
        for predictor in model.predictors
        for column in predictor.columns
    }
    rows = [
        (
            labels[column],
            significant(b),
            significant(se),
            f"{math.exp(b):.2f} "
            f"({math.exp(b - _Z_95 * se):.2f}\u00a0to\u00a0{math.exp(b + _Z_95 * se):.2f})",
        )
        for column, b, se in zip(
            model.columns, model.coefficients, model.standard_errors, strict=True
        )
    ]
    columns = ("Predictor", "Coefficient", "Standard error", "Hazard ratio (95% interval)")
    return table(caption, columns, rows, notes=[_penalty_note(model)])


def column_text(label: str, column: str, *, unit: str | None = None) -> str:
    """The name of a model's column: the predictor, with its level or its unit."""
    _, is_level, level = column.partition("=")
    if is_level:
        return f"{label}: {level}"
    if column.endswith("'"):
        return label + column[len(column.rstrip("'")) :]
    return f"{label} (each {_one(unit)})" if unit else label


def _one(unit: str) -> str:
    """A unit that is a word in the singular: `years` is `year`."""
    return unit.removesuffix("s") if unit.isalpha() and len(unit) > 3 else unit


def _penalty_note(model: CoxModel) -> str:
    ties = f"{model.ties.capitalize()} ties"
    facts = (
        f"{model.n} patients, {model.n_events} deaths, follow-up to {model.follow_up_days:g} days"
    )
    if model.ridge == 0:
        return f"{facts}. Unpenalized; {ties}; Wald intervals."
    return (
        f"{facts}. Ridge penalty {number(model.ridge)} on standardized columns, by "
        f"cross-validation; {ties}. Penalized coefficients lean toward 0; their intervals do not "
        "say so."
    )


def sample_size_table(arms: Iterable[ArmModels]) -> Table:
    """Events per parameter, expected shrinkage, and the sample that Riley's criteria ask for."""
    rows: list[tuple[str, ...]] = []
    for arm in arms:
        for kind, size in arm.sample_size.items():
            rows.append(
                (
                    f"{arm.arm.label}, {MODEL_PHRASES[kind]}",
                    f"{size.n} ({size.n_events})",
                    str(size.n_parameters),
                    f"{size.events_per_parameter:.1f}",
                    _or_absent(size.expected_shrinkage),
                    ABSENT if size.minimum_n is None else str(size.minimum_n),
                    "yes" if size.is_sufficient else "no",
                )
            )
    columns = (
        "Model",
        "n (deaths)",
        "Parameters",
        "Events per parameter",
        "Expected shrinkage",
        "Patients asked for",
        "Enough",
    )
    notes = [
        "Criteria of Riley et al. 2019, doi 10.1002/sim.7992, for the unpenalized model. Where the "
        "patients are not enough, a stable model cannot be expected from these data."
    ]
    return table("Sample size", columns, rows, notes=notes)


def _or_absent(value: float | None) -> str:
    return ABSENT if value is None else number(value, 2)


def _survival_text(estimate: Estimate | None) -> str:
    return "not estimable" if estimate is None else estimate_text(estimate)


def risk_group_table(parts: Sequence[RiskGroups], caption: str) -> Table:
    """Absolute survival of the risk groups: medians and survival at each horizon."""
    horizons = sorted(
        {days for part in parts for curve in part.curves.values() for days in curve.survival_at}
    )
    rows = [
        (
            f"{_SHORT[part.split].capitalize()}, {group.value} risk",
            f"{curve.n} ({curve.n_events})",
            _days(curve.median),
            *(_survival_text(curve.survival_at.get(days)) for days in horizons),
        )
        for part in parts
        for group, curve in part.curves.items()
    ]
    columns = (
        "Group",
        "n (deaths)",
        "Median survival, days",
        *(f"Survival at {days_text(days)}" for days in horizons),
    )
    notes = [
        f"High risk: linear predictor above {number(part.cutoff, 4)}, {_whose(part)}; "
        f"{_SHORT[part.split]}: log-rank p {p_text(part.log_rank_p) or ABSENT}, hazard ratio "
        f"{estimate_text(part.hazard_ratio, 2)}{_rmst_text(part)}."
        for part in parts
    ]
    return table(caption, columns, rows, notes=notes)


def _rmst_text(part: RiskGroups) -> str:
    """What high risk loses of the restricted mean survival time, after a semicolon."""
    if part.rmst is None:
        return ""
    return (
        f"; mean survival restricted to {days_text(part.rmst.tau_days)}: low risk "
        f"{_days(part.rmst.first)}, high risk {_days(part.rmst.second)}, high minus low "
        f"{_days(part.rmst.difference)} days"
    )


def cutoff_text(parts: Sequence[RiskGroups]) -> str:
    """Whose median the cut-offs are, as a sentence."""
    if any(part.is_recut for part in parts):
        return "The cut-off is each split's own median: taken again in the test patients."
    return "The cut-off is the training median, frozen."


def _whose(part: RiskGroups) -> str:
    return "their own median" if part.is_recut else "the training median, frozen"


def selection_table(label: str, selection: Selection) -> Table:
    """The candidates, their p-values in both steps, and what was kept of them."""
    rows = [
        (
            one.label,
            p_text(one.univariate_p) or ABSENT,
            p_text(one.multivariable_p) or ABSENT,
            "yes" if one.is_kept else one.why or "no",
        )
        for one in selection.candidates
    ]
    marked = [index for index, one in enumerate(selection.candidates) if one.is_kept]
    return table(
        f"{label}: clinical predictors selected by p-values, training patients",
        (
            "Candidate",
            f"Univariate p (below {selection.univariate_p_value:g})",
            f"Multivariable p (below {selection.multivariable_p_value:g})",
            "Selected",
        ),
        rows,
        notes=["Wald tests of all levels of a candidate together, in Cox models with Efron ties."],
        marked_rows=marked,
        text_columns=(3,),
    )


def _days(estimate: Estimate) -> str:
    if estimate.value is None:
        return "not reached"
    if estimate.lower is not None and estimate.upper is None:
        return f"{estimate.value:.0f} ({estimate.lower:.0f}\u00a0to\u00a0not\u00a0reached)"
    return estimate_text(estimate, 0)
