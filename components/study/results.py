"""Frozen records that pass between the parts, and the names of reported figures."""

import hashlib
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict

from components.errors import IntegrityError


class Record(BaseModel):
    """A frozen value with an exact JSON round trip; unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> str:
        """The record as JSON text."""
        return self.model_dump_json(by_alias=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """The record that `to_json` wrote.

        Raises:
            pydantic.ValidationError: The text is no such record.
        """
        return cls.model_validate_json(text)


class Estimate(Record):
    """A reported number with its interval, its sample and how it was got.

    `value` is None where the figure is not estimable; `note` then says why.
    """

    value: float | None
    lower: float | None = None
    upper: float | None = None
    level: float = 0.95
    n: int
    n_events: int
    method: str
    horizon_days: float | None = None
    note: str | None = None

    @classmethod
    def not_estimable(
        cls, reason: str, *, n: int, n_events: int, method: str, horizon_days: float | None = None
    ) -> Self:
        """The record of a figure that these patients cannot give."""
        return cls(
            value=None,
            n=n,
            n_events=n_events,
            method=method,
            horizon_days=horizon_days,
            note=reason,
        )

    def text(self, digits: int = 3) -> str:
        """The estimate as a reader expects it, for example `0.712 (0.661 to 0.763)`."""
        if self.value is None:
            return "not estimable"
        shown = f"{self.value:.{digits}f}"
        if self.lower is None or self.upper is None:
            return shown
        return f"{shown} ({self.lower:.{digits}f} to {self.upper:.{digits}f})"


class ArtifactRef(Record):
    """A file passed by reference: where it is, what it holds, how large it is."""

    path: str
    sha256: str
    n_bytes: int

    @classmethod
    def of(cls, path: Path) -> Self:
        """The reference of a file that exists now."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        return cls(path=str(path), sha256=digest, n_bytes=path.stat().st_size)

    def exists(self) -> bool:
        """Whether a file of the recorded size is there (cheap; `verified` reads it)."""
        path = Path(self.path)
        return path.is_file() and path.stat().st_size == self.n_bytes

    def verified(self) -> Path:
        """The file's path, once its bytes are known to be the recorded ones.

        Raises:
            IntegrityError: The file is missing or has other bytes.
        """
        path = Path(self.path)
        if not path.is_file():
            msg = f"expected the file {path}, found none; run `armwise retrain` to make it again"
            raise IntegrityError(msg)
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.sha256:
            msg = f"{path} has other bytes than were recorded; delete it and retrain"
            raise IntegrityError(msg)
        return path


class Quarantined(Record):
    """A patient set aside, named by pseudonym, and why."""

    patient_id: str
    reason: str
    found_by: str


class Adaptation(Record):
    """Where a run departs from its protocol: what was asked, what was done, why."""

    step: str
    asked: str
    done: str
    why: str


NOMOGRAM = "nomogram"
"""The model's name in the figures of an arm's nomogram, whichever model it shows."""


def metric_name(
    split: str, group: str, model: str, estimator: str, horizon_days: float | None = None
) -> str:
    """The name of a figure in MLflow: `<split>/<arm|pooled>/<model>/<estimator>[_<days>d]`."""
    suffix = "" if horizon_days is None else f"_{horizon_days:g}d"
    return f"{split}/{group}/{model}/{estimator}{suffix}"


def estimate_metrics(name: str, estimate: Estimate) -> dict[str, float]:
    """The MLflow metrics of an estimate: its value and limits; none where not estimable."""
    parts = {"": estimate.value, "_lower": estimate.lower, "_upper": estimate.upper}
    return {f"{name}{suffix}": value for suffix, value in parts.items() if value is not None}
