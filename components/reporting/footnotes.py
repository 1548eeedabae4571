"""Letters under a table for the reasons why figures are not estimable."""

from string import ascii_lowercase

from components.reporting.wording import ABSENT, estimate_text
from components.study.results import Estimate


class Footnotes:
    """Collects the reasons of a table's missing figures while its cells are written."""

    def __init__(self) -> None:
        self._letters: dict[str, str] = {}

    def cell(self, estimate: Estimate | None) -> str:
        """The estimate with its interval, or `not estimable` with the letter of its reason."""
        if estimate is None:
            return ABSENT
        if estimate.value is not None or not estimate.note:
            return estimate_text(estimate)
        index = len(self._letters)
        fresh = ascii_lowercase[index] if index < len(ascii_lowercase) else str(index + 1)
        letter = self._letters.setdefault(estimate.note, fresh)
        return f"not estimable\u00a0[{letter}]"

    def lines(self) -> list[str]:
        """One note a reason."""
        return [f"[{letter}] {reason}" for reason, letter in self._letters.items()]
