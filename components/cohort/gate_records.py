"""What the validation gate answers: stop, quarantine, warn, and what it could not judge."""

from collections.abc import Sequence
from typing import Literal

from components.errors import CohortRejected
from components.study.results import Quarantined, Record

Consequence = Literal["stop", "quarantine", "warn"]
"""Of a rule that is not met: the flow stops, the patient is set aside, or it is said."""

SHOWN = 20
"""Pseudonyms named where the flow stops, and in the Data Docs."""

_SHOWN_IN_WARNING = 5


class ExpectationResult(Record):
    """What became of one expectation; `n_unexpected` counts rows, values are never kept.

    `n_judged` are the rows that it could judge, of `n_rows`.
    """

    name: str
    column: str | None
    success: bool
    n_unexpected: int
    n_rows: int
    consequence: Consequence
    n_judged: int = 0


class RuleWarning(Record):
    """A rule that is not met and does not keep the flow from going on: one entry, however many.

    `subjects` are pseudonyms; in a table of arms or columns, these. Empty where the rule concerns a
    column as a whole.
    """

    reason: str
    n_judged: int
    subjects: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """The reason, how many it concerns and whom."""
        if not self.subjects:
            return self.reason
        counted = f"{len(self.subjects)} of {self.n_judged}"
        return f"{self.reason}: {counted} ({named(self.subjects, _SHOWN_IN_WARNING)})"


class NotAssessable(Record):
    """A rule that could not be judged, which is not the same as met; `why` says what is missing."""

    rule: str
    why: str


class ValidationReport(Record):
    """The gate's answer on one table. `stopped_by` says in sentences why the flow must not go on.

    `docs` is the path of the Data Docs page, where one was written.
    """

    table: str
    passed: bool
    stopped_by: tuple[str, ...]
    quarantined: tuple[Quarantined, ...]
    expectations: tuple[ExpectationResult, ...]
    warnings: tuple[RuleWarning, ...] = ()
    not_assessable: tuple[NotAssessable, ...] = ()
    docs: str | None = None

    def require(self) -> "ValidationReport":
        """The report itself, if the flow may go on.

        Raises:
            CohortRejected: It may not; the message names columns and patients.
        """
        if not self.passed:
            msg = f"{self.table}: {'; '.join(self.stopped_by)}"
            raise CohortRejected(msg)
        return self


def named(subjects: Sequence[str], shown: int = SHOWN) -> str:
    """The first of some subjects, and how many more there are."""
    more = f" and {len(subjects) - shown} more" if len(subjects) > shown else ""
    separator = "; " if any("," in one for one in subjects) else ", "
    return separator.join(subjects[:shown]) + more


def not_assessable_sentence(entries: Sequence[NotAssessable]) -> str:
    """One sentence for all that could not be judged; "" for nothing."""
    if not entries:
        return ""
    if len(entries) <= _SHOWN_IN_WARNING:
        rules = "; ".join(f"{entry.rule} ({entry.why})" for entry in entries)
        return f"Not assessable: {rules}."
    return (
        f"Not assessable: {len(entries)} rules of the validation gate, for lack of columns, cells "
        "or an earlier version; the Data Docs list them."
    )
