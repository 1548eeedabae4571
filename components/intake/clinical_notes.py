"""What a reader of an imported table must know, and units that cannot be."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cohort.schema import Variable
from components.intake.findings import Findings
from components.intake.mapping import ColumnMapping
from components.intake.units import DAYS_IN, UNITS, converted, factor

_FEWEST_FOR_MEDIAN = 5
_LONGEST_YEARS = 60
_HEAP_SHARE = 0.01
_HEAP_AT_LEAST = 5
_DISTINCT_AT_LEAST = 20


def wrong_unit(variable: Variable, values: NDArray[np.float64], unit: str) -> str:
    """Why a column (n,) cannot be in the unit that the mapping gives, or ""."""
    known = values[np.isfinite(values)]
    if variable.typical_median is None or known.size < _FEWEST_FOR_MEDIAN:
        return ""
    lower, upper = variable.typical_median

    def median_as(one: str) -> float:
        return float(np.median(converted(known, factor(variable.name, one) or 1.0)))

    median = median_as(unit)
    if lower <= median <= upper:
        return ""
    fitting = [one for one in UNITS[variable.name] if lower <= median_as(one) <= upper]
    remedy = (
        f"{' or '.join(fitting)} would fit; correct unit in the mapping"
        if fitting
        else "no unit that armwise knows would fit; is it another column?"
    )
    return (
        f"the unit '{unit}' cannot be: the median would be {median:.3g} {variable.unit}, of "
        f"patients with liver disease it lies between {lower:g} and {upper:g}; {remedy}"
    )


def tell_times(days: NDArray[np.float64], mapping: ColumnMapping, findings: Findings) -> None:
    """Judges survival times (n,): too long to be true, or not whole days."""
    known = days[np.isfinite(days)]
    if not known.size:
        return
    if np.median(known) > _LONGEST_YEARS / 2 * DAYS_IN["years"]:
        findings.refused.append(
            f"follow_up: the unit '{mapping.follow_up.unit}' cannot be: half of the patients would "
            f"be followed for {np.median(known) / DAYS_IN['years']:.0f} years; correct unit, or "
            "map start and end where these are dates that a spreadsheet counts in days"
        )
    if mapping.follow_up.unit not in {None, "days"}:
        return
    fractional = int((known % 1 != 0).sum())
    if fractional:
        findings.notes.append(
            f"follow_up: {fractional} of {known.size} times are not whole days; they are taken as "
            "they are."
        )


def varying(
    table: pd.DataFrame,
    variables: dict[str, Variable],
    mapping: ColumnMapping,
    findings: Findings,
) -> set[str]:
    """The predictors that differ between patients; the others are told."""
    kept = set()
    for name in variables:
        n_values = table[name].nunique()
        if n_values > 1:
            kept.add(name)
            continue
        state = "is the same in all patients" if n_values else "is empty"
        findings.notes.append(
            f"predictors.{name}: column '{mapping.predictors[name].column}' {state}; left out of "
            "the models."
        )
    return kept


def capped_values(
    table: pd.DataFrame,
    variables: dict[str, Variable],
    mapping: ColumnMapping,
    findings: Findings,
) -> None:
    """Tells of values heaped at an end: a cap, a detection limit, or a code for "not known"."""
    for name, variable in variables.items():
        if variable.kind == "categorical":
            continue
        counts = table[name].dropna().value_counts().sort_index()
        if len(counts) < 2:
            continue
        column = mapping.predictors[name].column
        ends = (("largest", -1, "a cap"), ("smallest", 0, "a detection limit, or not known"))
        for end, place, meaning in ends:
            if _heaped(counts, place, variable):
                findings.notes.append(
                    f"predictors.{name}: column '{column}' holds its {end} value "
                    f"({counts.index[place]:.10g} {variable.unit}) in {counts.iloc[place]} rows: "
                    f"{meaning}? Taken as it is."
                )


def _heaped(counts: pd.Series, place: int, variable: Variable) -> bool:
    n = int(counts.iloc[place])
    if n < max(_HEAP_AT_LEAST, _HEAP_SHARE * counts.sum()):
        return False
    if variable.kind == "count":
        return place == -1 and n > int(counts.iloc[-2])
    return len(counts) >= _DISTINCT_AT_LEAST and n > int(counts.iloc[1:-1].max())
