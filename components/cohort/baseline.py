"""Table 1: the cohort at baseline, group against group.

Tests follow the study: t-test where a variable is normal in every group (Lilliefors' form of the
Kolmogorov-Smirnov test), else Mann-Whitney U; of three groups or more one-way ANOVA and
Kruskal-Wallis. Pearson's chi-square without continuity correction; for 2 x 2 tables with an
expected count below 5 the protocol chooses: Fisher's exact test, or Pearson's all the same, as the
study. Standardised mean differences after Austin 2009, 10.1002/sim.3697, for levels after Yang &
Dalton 2012. Own code because the package `tableone` corrects 2 x 2 tables for continuity, tests
normality by another test and gives no Lilliefors; its counts, quartiles, shares and differences
are those of this module (a test).
"""

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd
from scipy import stats

from components.cohort.schema import PREDICTORS, Variable
from components.study.results import Record

_MINIMUM_EXPECTED = 5
_NORMAL_AT = 0.05

SmallCounts = Literal["fisher_exact", "pearson"]

OBSERVED_TIME = Variable(
    name="os_days", label="Observed time, dead and censored alike", kind="continuous", unit="days"
)
"""The study's "survival time": a mixture of deaths and censorings, no survival."""


class TableRow(Record):
    """A line of Table 1: a continuous variable, or one level of a categorical one.

    `missing` counts the empty cells of each group, in the first line of a variable; else it is
    empty, as `p_value`, `test` and `smd` are None.
    """

    variable: str
    label: str
    level: str | None
    cells: tuple[str, ...]
    p_value: float | None
    test: str | None
    smd: float | None
    missing: tuple[int, ...] = ()

    @property
    def n_missing(self) -> int:
        """Empty cells in all groups."""
        return sum(self.missing)


class TableOne(Record):
    """A baseline table; `columns` head the cells, `sizes` are the groups' numbers of patients."""

    title: str
    columns: tuple[str, ...]
    sizes: tuple[int, ...]
    rows: tuple[TableRow, ...]


def table_one(
    table: pd.DataFrame,
    groups: pd.Series,
    *,
    title: str,
    codebook: Mapping[str, Variable] = PREDICTORS,
    small_counts: SmallCounts = "fisher_exact",
) -> TableOne:
    """The baseline table of a cohort.

    Args:
        table: Clinical table; variables that it lacks have no row.
        groups: Group of each patient, in the table's order; its values head the columns.
        title: What is compared.
        codebook: The variables that may have a row, in this order.
        small_counts: The test of a 2 x 2 table with an expected count below 5.
    """
    names = sorted(groups.unique())
    parts = [table[(groups == name).to_numpy()] for name in names]
    rows: list[TableRow] = []
    for variable in codebook.values():
        if variable.name not in table or table[variable.name].isna().all():
            continue
        columns = [part[variable.name] for part in parts]
        if variable.kind == "categorical":
            rows.extend(_level_rows(variable, columns, small_counts))
        else:
            rows.append(_number_row(variable, columns))
    heads = tuple(f"{name} (n = {len(part)})" for name, part in zip(names, parts, strict=True))
    sizes = tuple(len(part) for part in parts)
    return TableOne(title=title, columns=heads, sizes=sizes, rows=tuple(rows))


def _number_row(variable: Variable, columns: list[pd.Series]) -> TableRow:
    samples = [np.asarray(column.dropna(), dtype=np.float64) for column in columns]
    p_value, test = _location_test(samples)
    return TableRow(
        variable=variable.name,
        label=f"{variable.label} ({variable.unit})",
        level=None,
        cells=tuple(_quartiles(sample) for sample in samples),
        p_value=p_value,
        test=test,
        smd=_largest(_smd_numbers(a, b) for a, b in combinations(samples, 2)),
        missing=_missing(columns),
    )


def _missing(columns: list[pd.Series]) -> tuple[int, ...]:
    return tuple(int(column.isna().sum()) for column in columns)


def _quartiles(sample: np.ndarray) -> str:
    if not sample.size:
        return "none"
    low, middle, high = np.quantile(sample, [0.25, 0.5, 0.75])
    return f"{middle:.2f} ({low:.2f}, {high:.2f})"


def _location_test(samples: list[np.ndarray]) -> tuple[float | None, str | None]:
    if len(samples) < 2 or min(sample.size for sample in samples) < 5:
        return None, None
    if np.ptp(np.concatenate(samples)) == 0:  # ranks of one value tell nothing
        return None, None
    is_normal = all(lilliefors_p(sample) >= _NORMAL_AT for sample in samples)
    if len(samples) > 2:
        name, test = (
            ("one-way ANOVA", stats.f_oneway) if is_normal else ("Kruskal-Wallis", stats.kruskal)
        )
        return float(test(*samples).pvalue), name
    if is_normal:
        return float(stats.ttest_ind(*samples).pvalue), "t-test"
    return float(stats.mannwhitneyu(*samples, method="asymptotic").pvalue), "Mann-Whitney U"


def lilliefors_p(sample: np.ndarray) -> float:
    """The p-value of Lilliefors' normality test, by Dallal & Wilkinson 1986, 10.2307/2684607.

    Above 0.1, where their formula does not hold, Stephens' modified statistic decides, as in R's
    `nortest::lillie.test`. A constant sample is not normal: 0.
    """
    n = sample.size
    spread = float(np.std(sample, ddof=1))
    if spread == 0:
        return 0.0
    cdf = stats.norm.cdf(np.sort(sample), loc=np.mean(sample), scale=spread)
    above = np.max(np.arange(1, n + 1) / n - cdf)
    below = np.max(cdf - np.arange(n) / n)
    distance = float(max(above, below))
    scaled, size = (distance * (n / 100) ** 0.49, 100) if n > 100 else (distance, n)
    p_value = float(
        np.exp(
            -7.01256 * scaled**2 * (size + 2.78019)
            + 2.99587 * scaled * np.sqrt(size + 2.78019)
            - 0.122119
            + 0.974598 / np.sqrt(size)
            + 1.67997 / size
        )
    )
    if p_value <= 0.1:
        return p_value
    return _stephens_p((np.sqrt(n) - 0.01 + 0.85 / np.sqrt(n)) * distance)


def _stephens_p(modified: float) -> float:
    """Upper tail of the modified statistic, in the pieces of Stephens 1974, 10.2307/2286009."""
    if modified <= 0.302:
        return 1.0
    pieces = (
        (0.5, (2.76773, -19.828315, 80.709644, -138.55152, 81.218052)),
        (0.9, (-4.901232, 40.662806, -97.490286, 94.029866, -32.355711)),
        (1.31, (6.198765, -19.558097, 23.186922, -12.234627, 2.423045)),
    )
    for limit, coefficients in pieces:
        if modified <= limit:
            return float(sum(c * modified**power for power, c in enumerate(coefficients)))
    return 0.0


def _level_rows(
    variable: Variable, columns: list[pd.Series], small_counts: SmallCounts
) -> list[TableRow]:
    seen = [
        level for level in variable.levels if any((column == level).any() for column in columns)
    ]
    counts = np.array([[int((column == level).sum()) for column in columns] for level in seen])
    totals = counts.sum(axis=0)
    p_value, test = _count_test(counts, small_counts)
    smd = _largest(
        _smd_levels(counts[:, a] / totals[a], counts[:, b] / totals[b])
        for a, b in combinations(range(len(columns)), 2)
        if totals[a] and totals[b]
    )
    return [
        TableRow(
            variable=variable.name,
            label=variable.label,
            level=level,
            cells=tuple(
                f"{n} ({100 * n / total:.1f}%)" if total else "0"
                for n, total in zip(counts[i], totals, strict=True)
            ),
            p_value=p_value if i == 0 else None,
            test=test if i == 0 else None,
            smd=smd if i == 0 else None,
            missing=_missing(columns) if i == 0 else (),
        )
        for i, level in enumerate(seen)
    ]


def _count_test(counts: np.ndarray, small_counts: SmallCounts) -> tuple[float | None, str | None]:
    if counts.shape[0] < 2 or counts.shape[1] < 2 or (counts.sum(axis=0) == 0).any():
        return None, None
    expected = stats.contingency.expected_freq(counts)
    is_small = counts.shape == (2, 2) and expected.min() < _MINIMUM_EXPECTED
    if is_small and small_counts == "fisher_exact":
        return float(stats.fisher_exact(counts).pvalue), "Fisher's exact"
    return float(stats.chi2_contingency(counts, correction=False).pvalue), "Pearson's chi-square"


def _smd_numbers(a: np.ndarray, b: np.ndarray) -> float | None:
    if min(a.size, b.size) < 2:
        return None
    pooled = np.sqrt((np.var(a, ddof=1) + np.var(b, ddof=1)) / 2)
    return float(abs(np.mean(a) - np.mean(b)) / pooled) if pooled else None


def _smd_levels(a: np.ndarray, b: np.ndarray) -> float:
    """Mahalanobis distance of the shares of all levels but the first."""
    difference = (a - b)[1:]
    covariance = (_share_covariance(a) + _share_covariance(b)) / 2
    return float(np.sqrt(difference @ np.linalg.pinv(covariance) @ difference))


def _share_covariance(shares: np.ndarray) -> np.ndarray:
    kept = shares[1:]
    return np.asarray(np.diag(kept) - np.outer(kept, kept))


def _largest(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None
