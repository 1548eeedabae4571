"""Drift between two clinical tables: has a column moved, and by more than chance would?

A column moves where its stability index exceeds the index of two samples of one population by the
protocol's limit, and the difference is beyond chance. The population stability index of two samples
of one population is about (bins - 1)(1/n + 1/m), which 50 patients take beyond the customary 0.25
all by themselves; it is subtracted (Yurdakul and Naranjo 2020, 10.21314/JRMV.2020.227).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from components.cohort.schema import Variable
from components.study.results import Record
from components.survival.target import FloatArray

FEWEST = 20
"""Known cells on either side below which a column is not compared."""

_BINS = 10
_OTHER = "another"
_ZERO = 0.5  # added to each count, so that an empty bin has a logarithm


class LevelShare(Record):
    """A level's share of the known cells in either table."""

    level: str
    reference: float
    current: float


class ColumnDrift(Record):
    """How far one column has moved. Without figures it was not compared; `note` says why.

    Attributes:
        psi: Population stability index of the shares of bins (tenths of the reference) or levels.
        psi_excess: What of it two samples of one population would not have; not below 0.
        smd: Standardised mean difference, current minus reference, with Hedges' correction; of
            levels Cohen's w.
        p_value: Kolmogorov and Smirnov's, or of levels Pearson's chi-square.
        levels: Shares of the levels; empty for numbers. What is no level of the codebook counts as
            "another" and is never shown: a cell can hold anything.
        new_levels: Levels that the reference does not have.
        reference_missing: Share of empty cells there, and `current_missing` now.
        missing_p_value: Fisher's exact test of the two.
    """

    column: str
    n_reference: int
    n_current: int
    psi: float | None = None
    psi_excess: float | None = None
    smd: float | None = None
    p_value: float | None = None
    levels: tuple[LevelShare, ...] = ()
    new_levels: tuple[str, ...] = ()
    reference_missing: float
    current_missing: float
    missing_p_value: float
    note: str | None = None


class DriftReport(Record):
    """Two tables compared column by column.

    `population` says which patients of the current table: all, or those who have joined.
    """

    population: str
    n_reference: int
    n_current: int
    columns: tuple[ColumnDrift, ...]


def compare_tables(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    variables: Sequence[Variable],
    *,
    population: str = "all patients",
) -> DriftReport:
    """How far the columns that both tables have moved.

    Args:
        reference: The earlier table, one row a patient.
        current: The table of today, or some of its rows.
        variables: What to compare; a column that a table lacks is left out.
        population: Which rows of today's table these are.
    """
    both = [one for one in variables if one.name in reference and one.name in current]
    return DriftReport(
        population=population,
        n_reference=len(reference),
        n_current=len(current),
        columns=tuple(column_drift(reference[one.name], current[one.name], one) for one in both),
    )


def compare_versions(
    reference: pd.DataFrame, current: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[DriftReport, ...]:
    """All patients of two versions of a cohort, and those who have joined where they suffice.

    Most patients stand in both, which hides how the newest differ, and makes the tests of all
    conservative. Tables are indexed by pseudonym.
    """
    reports = [compare_tables(reference, current, variables)]
    joined = current[~current.index.isin(reference.index)]
    if FEWEST <= len(joined) < len(current):
        reports.append(
            compare_tables(reference, joined, variables, population="patients who joined")
        )
    return tuple(reports)


def column_drift(reference: pd.Series, current: pd.Series, variable: Variable) -> ColumnDrift:
    """How far one column has moved."""
    old, new = reference.dropna(), current.dropna()
    empty = [int(column.isna().sum()) for column in (reference, current)]
    table = [[empty[0], len(old)], [empty[1], len(new)]]
    bare = ColumnDrift(
        column=variable.name,
        n_reference=len(old),
        n_current=len(new),
        reference_missing=_share(empty[0], len(reference)),
        current_missing=_share(empty[1], len(current)),
        missing_p_value=float(stats.fisher_exact(table).pvalue),
    )
    if min(len(old), len(new)) < FEWEST:
        fewest = f"{min(len(old), len(new))} known cells, fewer than {FEWEST}"
        return bare.model_copy(update={"note": fewest})
    is_levels = variable.kind == "categorical"
    moved = _levels(old, new, variable) if is_levels else _numbers(old, new)
    return bare.model_copy(update=moved)


def has_moved(drift: ColumnDrift, *, limit: float, significance: float) -> bool | None:
    """Whether a column has moved beyond the limit and beyond chance; None: not compared.

    Args:
        drift: The column.
        limit: Of the stability index, above that of chance.
        significance: Of the test, already divided by the number of columns.
    """
    if drift.psi_excess is None or drift.p_value is None:
        return None
    return drift.psi_excess > limit and drift.p_value < significance


def has_more_missing(drift: ColumnDrift, *, limit: float, significance: float) -> bool:
    """Whether the share of empty cells has moved beyond the limit and beyond chance."""
    moved = abs(drift.current_missing - drift.reference_missing)
    return moved > limit and drift.missing_p_value < significance


def stability_index(reference: FloatArray, current: FloatArray) -> tuple[float, float]:
    """The population stability index of counts (k,) against counts (k,), and its excess.

    The excess is what two samples of one population would not be expected to have.
    """
    used = (reference + current) > 0
    a, b = reference[used] + _ZERO, current[used] + _ZERO
    shares_a, shares_b = a / a.sum(), b / b.sum()
    index = float(np.sum((shares_b - shares_a) * np.log(shares_b / shares_a)))
    by_chance = (used.sum() - 1) * (1 / reference.sum() + 1 / current.sum())
    return index, max(0.0, index - float(by_chance))


def _numbers(reference: pd.Series, current: pd.Series) -> dict[str, object]:
    old = np.asarray(reference, dtype=np.float64)
    new = np.asarray(current, dtype=np.float64)
    edges = np.unique(np.quantile(old, np.linspace(0, 1, _BINS + 1)[1:-1]))
    counts = [
        np.bincount(np.searchsorted(edges, one, side="left"), minlength=edges.size + 1)
        for one in (old, new)
    ]
    psi, excess = stability_index(counts[0].astype(np.float64), counts[1].astype(np.float64))
    return {
        "psi": psi,
        "psi_excess": excess,
        "smd": _hedges(old, new),
        "p_value": float(stats.ks_2samp(old, new).pvalue),
    }


def _levels(reference: pd.Series, current: pd.Series, variable: Variable) -> dict[str, object]:
    old, new = (
        column.astype(str).where(column.isin(variable.levels), _OTHER)
        for column in (reference, current)
    )
    seen = {*old.unique(), *new.unique()}
    levels = [level for level in (*variable.levels, _OTHER) if level in seen]
    counts = np.array([[(one == level).sum() for level in levels] for one in (old, new)], float)
    psi, excess = stability_index(counts[0], counts[1])
    shares = counts / counts.sum(axis=1, keepdims=True)
    p_value, effect = _chi_square(counts)
    return {
        "psi": psi,
        "psi_excess": excess,
        "smd": effect,
        "p_value": p_value,
        "levels": tuple(
            LevelShare(level=level, reference=float(a), current=float(b))
            for level, a, b in zip(levels, *shares, strict=True)
        ),
        "new_levels": tuple(level for level in levels if level not in set(old)),
    }


def _chi_square(counts: FloatArray) -> tuple[float, float]:
    """Pearson's p-value of counts (2, k), and Cohen's w; a single level cannot differ."""
    if counts.shape[1] < 2:
        return 1.0, 0.0
    found = stats.chi2_contingency(counts, correction=False)
    return float(found.pvalue), float(np.sqrt(found.statistic / counts.sum()))


def _hedges(reference: FloatArray, current: FloatArray) -> float | None:
    """Hedges' g, 10.3102/10769986006002107; None where nothing varies."""
    n, m = reference.size, current.size
    pooled = ((n - 1) * np.var(reference, ddof=1) + (m - 1) * np.var(current, ddof=1)) / (n + m - 2)
    if pooled == 0:
        return None
    correction = 1 - 3 / (4 * (n + m - 2) - 1)
    return float(correction * (np.mean(current) - np.mean(reference)) / np.sqrt(pooled))


def _share(count: int, of: int) -> float:
    return count / of if of else 0.0
