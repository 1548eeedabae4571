"""A rule of the validation gate: an expectation as data, and what follows where it fails."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.cohort.gate_records import Consequence

_ASKED = {
    "ExpectColumnMedianToBeBetween": "unit (by the median)",
    "ExpectColumnProportionOfNonNullValuesToBeBetween": "share of empty cells",
    "ExpectColumnToExist": "presence",
    "ExpectColumnUniqueValueCountToBeBetween": "number of distinct values",
    "ExpectColumnValuesToBeBetween": "range",
    "ExpectColumnValuesToBeInSet": "coding",
    "ExpectColumnValuesToBeUnique": "uniqueness",
    "ExpectColumnValuesToMatchRegex": "form",
    "ExpectColumnValuesToNotBeNull": "completeness",
}


@dataclass(frozen=True)
class Rule:
    """An expectation by its Great Expectations class name, and what follows where it fails.

    Attributes:
        kind: The class in `great_expectations.expectations`.
        arguments: Its arguments, `column` among them.
        reason: What is wrong where it fails, for example "column 'os_days': a negative time".
        consequence: "stop" the flow, put the patient into "quarantine", or "warn".
        asked: What the rule asks, in a few words; by default from its kind and column.
        needs: The table's columns without which it cannot be judged; by default its own column. Of
            a column that was derived for the rule these are the columns that it was derived from.
        fewest: Known cells without which it cannot be judged.
    """

    kind: str
    arguments: Mapping[str, Any]
    reason: str
    consequence: Consequence = "quarantine"
    asked: str = ""
    needs: tuple[str, ...] = ()
    fewest: int = 1

    @property
    def column(self) -> str:
        """The column that is judged."""
        return str(self.arguments["column"])

    @property
    def question(self) -> str:
        """What the rule asks, for a list of those that could not be judged."""
        return self.asked or f"{_ASKED.get(self.kind, self.kind)} of '{self.column}'"

    @property
    def sources(self) -> tuple[str, ...]:
        """The table's columns that must be there, and not empty, for the rule to be judged."""
        return self.needs or (self.column,)


def exists(column: str, *, remedy: str) -> Rule:
    """The flow stops without this column; `remedy` says what to do then."""
    reason = f"expected the column '{column}', found none; {remedy}"
    return Rule("ExpectColumnToExist", {"column": column}, reason, "stop")


def between(
    column: str,
    lower: float | None,
    upper: float | None,
    unit: str = "",
    consequence: Consequence = "quarantine",
) -> Rule:
    """Each value of the column lies within these limits; None is no limit."""
    ends = ("any" if end is None else f"{end:g}" for end in (lower, upper))
    return Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": lower, "max_value": upper},
        f"column '{column}': outside {' to '.join(ends)}{unit}",
        consequence,
    )


def holds(
    column: str,
    reason: str,
    consequence: Consequence,
    *,
    asked: str,
    needs: tuple[str, ...],
) -> Rule:
    """A derived column of true, false and empty is nowhere false."""
    # The description is what the Data Docs show: "belongs to the set of True" tells nothing.
    arguments = {"column": column, "value_set": [True], "description": asked}
    return Rule("ExpectColumnValuesToBeInSet", arguments, reason, consequence, asked, needs)
