"""Missing predictors by column and arm, and which of them are missing together."""

from collections.abc import Iterable, Mapping

import pandas as pd

from components.cohort.schema import PREDICTORS, Variable
from components.study.results import Record
from components.study.vocabulary import TreatmentArm

NOTABLE_SHARE = 0.05
"""From this share of empty cells in an arm on a column is named in a summary."""

_NAMED = 3


class MissingColumn(Record):
    """Empty cells of a column in each arm."""

    name: str
    label: str
    n_missing: dict[TreatmentArm, int]

    @property
    def total(self) -> int:
        """Empty cells in all arms."""
        return sum(self.n_missing.values())


class MissingPattern(Record):
    """Columns (by name) that are empty together and no others, and how often in each arm."""

    columns: tuple[str, ...]
    counts: dict[TreatmentArm, int]

    @property
    def total(self) -> int:
        """Patients of this pattern."""
        return sum(self.counts.values())


class Missingness(Record):
    """What is missing in a table.

    `columns` holds those with an empty cell, in the codebook's order, of `n_columns` in all;
    `patterns` the patients with an empty cell by what they lack, the most frequent first.
    """

    sizes: dict[TreatmentArm, int]
    n_columns: int
    columns: tuple[MissingColumn, ...]
    patterns: tuple[MissingPattern, ...]

    @property
    def n(self) -> int:
        """Patients."""
        return sum(self.sizes.values())

    @property
    def n_incomplete(self) -> int:
        """Patients with an empty cell."""
        return sum(pattern.total for pattern in self.patterns)

    def share(self, column: MissingColumn, arm: TreatmentArm) -> float:
        """Share of the arm's patients whose cell is empty."""
        return column.n_missing[arm] / self.sizes[arm] if self.sizes[arm] else 0.0

    @property
    def sentence(self) -> str:
        """How many patients lack something, in words."""
        if not self.n_incomplete:
            return f"None of the {self.n_columns} predictors is missing in any patient."
        share = 100 * self.n_incomplete / self.n
        return (
            f"{self.n_incomplete} of {self.n} patients ({share:.1f}%) lack a value in at least one "
            f"of {self.n_columns} predictors; columns with empty cells: {len(self.columns)}."
        )

    @property
    def notable(self) -> str | None:
        """The columns with many empty cells in an arm, for a summary; None where there are none."""
        found = sorted(
            (
                (self.share(column, arm), column.label, arm.label)
                for column in self.columns
                for arm in self.sizes
                if self.share(column, arm) >= NOTABLE_SHARE
            ),
            reverse=True,
        )
        if not found:
            return None
        listed = [f"{label} {100 * share:.0f}% in {arm}" for share, label, arm in found[:_NAMED]]
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        return f"Missing values: {', '.join(listed)}{more}."


def missingness(
    table: pd.DataFrame,
    *,
    arms: Iterable[TreatmentArm],
    codebook: Mapping[str, Variable] = PREDICTORS,
) -> Missingness:
    """What is missing among a table's predictors.

    Args:
        table: Clinical table with `arm`; columns outside the codebook are not looked at.
        arms: The arms; patients of others are not counted.
        codebook: The predictors.
    """
    arms = tuple(arms)
    names = [name for name in codebook if name in table]
    empty = table[names].isna()
    by_arm = {arm: (table["arm"] == arm.value).to_numpy() for arm in arms}
    counted = {arm: empty[where].sum() for arm, where in by_arm.items()}
    columns = tuple(
        MissingColumn(
            name=name,
            label=codebook[name].label,
            n_missing={arm: int(counted[arm][name]) for arm in arms},
        )
        for name in names
        if any(counted[arm][name] for arm in arms)
    )
    return Missingness(
        sizes={arm: int(where.sum()) for arm, where in by_arm.items()},
        n_columns=len(names),
        columns=columns,
        patterns=_patterns(empty, table["arm"], arms),
    )


def _patterns(
    empty: pd.DataFrame, arm: pd.Series, arms: tuple[TreatmentArm, ...]
) -> tuple[MissingPattern, ...]:
    found: dict[tuple[str, ...], dict[TreatmentArm, int]] = {}
    names, known = list(empty.columns), {one.value: one for one in arms}
    for row, of in zip(empty.to_numpy(), arm, strict=True):
        if row.any() and of in known:
            lacking = tuple(name for name, gap in zip(names, row, strict=True) if gap)
            counts = found.setdefault(lacking, dict.fromkeys(arms, 0))
            counts[known[of]] += 1
    patterns = [MissingPattern(columns=names, counts=counts) for names, counts in found.items()]
    return tuple(sorted(patterns, key=lambda one: (-one.total, one.columns)))
