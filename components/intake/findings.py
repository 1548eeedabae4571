"""What an import finds: what refuses the table, whom it sets aside, what it assumes and tells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from components.errors import CohortRejected
from components.study.results import Adaptation, Quarantined

_SHOWN = 5


def named(patients: Iterable[str]) -> str:
    """A handful of pseudonyms, and how many more there are."""
    unique = list(dict.fromkeys(patients))
    more = f" and {len(unique) - _SHOWN} more" if len(unique) > _SHOWN else ""
    return ", ".join(unique[:_SHOWN]) + more


@dataclass
class Findings:
    """Gathered while columns are read, so that one run tells everything. Rows are positions.

    With `sheet_rows`, the numbers of the rows in the sheet, messages name these beside pseudonyms:
    nobody else could find the patient there.
    """

    patients: Sequence[str]
    sheet_rows: Sequence[int] = ()
    refused: list[str] = field(default_factory=list)
    reasons: dict[str, list[str]] = field(default_factory=dict)
    adaptations: list[Adaptation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def names(self, rows: Iterable[int]) -> str:
        """The patients of some rows, a handful by pseudonym."""
        return named(self._name(row) for row in rows)

    def _name(self, row: int) -> str:
        patient = self.patients[row]
        return f"{patient} (row {self.sheet_rows[row]})" if self.sheet_rows else patient

    def set_aside(self, rows: Iterable[int], reason: str) -> None:
        """Quarantines the patients of some rows."""
        for row in rows:
            told = f"row {self.sheet_rows[row]}: {reason}" if self.sheet_rows else reason
            reasons = self.reasons.setdefault(self.patients[row], [])
            if told not in reasons:
                reasons.append(told)

    def adapted(self, asked: str, done: str, why: str) -> None:
        """Says that something was assumed or substituted."""
        said = Adaptation(step="intake", asked=asked, done=done, why=why)
        if said not in self.adaptations:
            self.adaptations.append(said)

    def quarantined(self, found_by: str) -> tuple[Quarantined, ...]:
        """Everybody set aside, in the table's order, with all reasons."""
        return tuple(
            Quarantined(patient_id=patient, reason="; ".join(reasons), found_by=found_by)
            for patient in dict.fromkeys(self.patients)
            if (reasons := self.reasons.get(patient))
        )

    def require(self, name: str) -> None:
        """Refuses the table where something speaks against all of it.

        Raises:
            CohortRejected: It says everything that does.
        """
        if self.refused:
            raise CohortRejected(f"{name}: " + "; ".join(self.refused))
