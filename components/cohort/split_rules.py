"""Splits by a rule that knows every patient's side: whole centers, or a quarter of treatment."""

import re

import pandas as pd

from components.errors import CohortRejected
from components.study.protocol import SplitSection
from components.study.protocol.split import QUARTER_PATTERN
from components.study.results import Adaptation
from components.study.vocabulary import Split

_COLUMNS = {"center": "center", "quarter": "treatment_quarter"}
_SHOWN = 5


def placed_by_rule(table: pd.DataFrame, section: SplitSection) -> pd.Series:
    """The side of each patient by a split by center or by quarter, in the table's order.

    Raises:
        CohortRejected: The column is missing, a patient's cell is empty, or no quarter.
    """
    column = _COLUMNS[section.by]
    if column not in table:
        msg = (
            f"split.by {section.by}: expected the column '{column}' in the clinical table, found "
            "none; map it, or split by random"
        )
        raise CohortRejected(msg)
    cells = table[column]
    if cells.isna().any():
        msg = (
            f"split.by {section.by}: column '{column}' is empty for {_named(cells[cells.isna()])}; "
            "nobody can be placed without it"
        )
        raise CohortRejected(msg)
    words = cells.astype(str).str.strip()
    if section.by == "center":
        is_test = words.isin(section.test_centers)
    else:
        _require_quarters(words)
        is_test = words >= str(section.first_test_quarter)
    return is_test.map({True: Split.TEST.value, False: Split.TRAIN.value}).rename("split")


def _require_quarters(words: pd.Series) -> None:
    wrong = words[[re.match(QUARTER_PATTERN, word) is None for word in words]]
    if len(wrong):
        msg = (
            f"split.by quarter: expected quarters such as 2019Q3 in 'treatment_quarter', came "
            f"something else for {_named(wrong)}"
        )
        raise CohortRejected(msg)


def require_known_centers(table: pd.DataFrame, section: SplitSection) -> None:
    """Nothing, once every named test center has a patient.

    Raises:
        CohortRejected: One has none; the message lists the centers that there are.
    """
    if section.by != "center":
        return
    present = set(table["center"].astype(str).str.strip())
    unknown = [name for name in section.test_centers if name not in present]
    if unknown:
        msg = (
            f"split.test_centers: no patient comes from {', '.join(unknown)}; the table's centers "
            f"are {', '.join(sorted(present))}"
        )
        raise CohortRejected(msg)


def require_both_sides(split: pd.Series, arm: pd.Series, section: SplitSection) -> None:
    """Nothing, once each arm has training and test patients.

    Args:
        split: Each patient's side.
        arm: Each patient's arm, in the same order.
        section: The rule that placed them, for the message.

    Raises:
        CohortRejected: An arm has patients on one side only.
    """
    for name in sorted(arm.unique()):
        sides = set(split[(arm == name).to_numpy()])
        for side, word in ((Split.TRAIN, "training"), (Split.TEST, "test")):
            if side.value not in sides:
                msg = (
                    f"split.by {section.by}: arm '{name}' has no {word} patient "
                    f"({rule_text(section)}); choose other test patients, or split by random"
                )
                raise CohortRejected(msg)


def rule_text(section: SplitSection) -> str:
    """Who tests, in words."""
    if section.by == "center":
        return f"test patients are those of {', '.join(section.test_centers)}"
    if section.by == "quarter":
        return f"test patients are those treated from {section.first_test_quarter} on"
    return "test patients are drawn within arm, event and center"


def standing_elsewhere(
    split: pd.Series, table: pd.DataFrame, section: SplitSection
) -> list[Adaptation]:
    """Says how many patients stand elsewhere than the rule would place them today.

    A split that was stored under another rule, or before a center was corrected, moves nobody.
    """
    if section.by == "random" or _COLUMNS[section.by] not in table:
        return []
    known = table[table[_COLUMNS[section.by]].notna()]
    apart = split.loc[known.index] != placed_by_rule(known, section)
    if not apart.any():
        return []
    said = Adaptation(
        step="split",
        asked=f"split by {section.by}: {rule_text(section)}",
        done=f"{int(apart.sum())} of {len(split)} patients stay where split.parquet has them",
        why="the split was drawn before, and nobody moves; the test is no longer that of whole "
        + ("centers" if section.by == "center" else "quarters"),
    )
    return [said]


def _named(cells: pd.Series) -> str:
    more = f" and {len(cells) - _SHOWN} more" if len(cells) > _SHOWN else ""
    return f"patient {', '.join(map(str, cells.index[:_SHOWN]))}{more}"
