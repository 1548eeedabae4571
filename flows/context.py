"""What every step needs to know of the run it belongs to."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prefect import Task

from components.cohort.dataset import Dataset
from components.platform.data_version import DataVersion
from components.platform.tracking import Tracking
from components.promotion.records import Decision
from components.reporting.records import StepTiming
from components.study.protocol import Protocol
from components.study.results import Adaptation, Quarantined
from components.study.vocabulary import DataOrigin
from flows.gate_answers import gate_notes
from flows.lineage import Commit
from flows.plan import Plan
from flows.readings import note_reading, readings_of
from flows.settings import Settings
from flows.step_journal import note_step
from flows.steps import Result, run_step
from flows.terminal import current_display

_SAYING_ADAPTATIONS = (
    "tables", "validation", "crops", "cohort", "network_checks", "refit", "signature", "nested",
    "radiomics", "subgroups", "baselines",
    "nomograms",
)  # fmt: skip
"""Steps whose results say themselves where they departed from the protocol."""


@dataclass(frozen=True, eq=False)
class StudyRun:
    """A run of a study under way; `results` fills up step by step.

    `protocol` is the plan's, or what a flow made of it for its data. `fresh` computes every step
    again, whatever is known.
    """

    settings: Settings
    plan: Plan
    protocol: Protocol
    data: DataVersion
    dataset: Dataset
    tracking: Tracking
    run_id: str
    commit: Commit
    started: str
    fresh: bool = False
    results: dict[str, Result] = field(default_factory=dict)
    timings: list[StepTiming] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The embedded stores."""
        return self.settings.home_path

    @property
    def origin(self) -> DataOrigin:
        """Whether the patients exist."""
        return self.dataset.card().origin

    def folder(self, step: str) -> Path:
        """Where a step leaves its files."""
        return self.plan.folder(self.home, step)

    def cache(self, name: str) -> Path:
        """Where files are kept by their content across runs; a fresh run has its own."""
        own = Path("fresh") / f"{self.plan.key}-{self.started.replace(':', '')}"
        return self.home / (own if self.fresh else Path()) / name

    def run(
        self,
        name: str,
        task: Task[..., Result],
        *,
        vanished: Callable[[Result], list[str]] | None = None,
        **inputs: Any,
    ) -> Result:
        """Runs a step once for its key; keeps its result and its time."""
        title = self.plan.step(name).title
        display = current_display()
        key = self.plan.keys[name]
        result, known = run_step(
            task, name=name, key=key, fresh=self.fresh, vanished=vanished, **inputs
        )
        if known:
            display.console.print(f"  [green]✓[/green] {title:<34}   known, not repeated")
        seconds = 0.0 if known else display.seconds.get(title, 0.0)
        note_step(self.home, run_id=self.run_id, step=name, key=key, known=known, seconds=seconds)
        self.timings.append(StepTiming(step=title, seconds=seconds, from_cache=known))
        self.results[name] = result
        return result

    def quarantined(self) -> tuple[Quarantined, ...]:
        """All patients set aside so far, each with its first reason."""
        found = [
            Quarantined.model_validate(entry)
            for name in ("tables", "validation", "crops")
            for entry in self.results.get(name, {}).get("quarantined", [])
        ]
        first = {entry.patient_id: entry for entry in reversed(found)}
        return tuple(first[patient] for patient in sorted(first))

    def adaptations(self) -> tuple[Adaptation, ...]:
        """Everything so far in which the run departs from its protocol."""
        said = [self.data.adaptation] if self.data.adaptation else []
        for name in _SAYING_ADAPTATIONS:
            entries = self.results.get(name, {}).get("adaptations", [])
            said += [Adaptation.model_validate(entry) for entry in entries]
        search = self.results.get("search", {}).get("search", {})
        said += [Adaptation.model_validate(entry) for entry in search.get("adaptations", [])]
        for models in self.results.get("arms", {}).get("arms", {}).values():
            said += [Adaptation.model_validate(entry) for entry in models["adaptations"]]
        return tuple(said)

    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the tables that were read, and of who is studied."""
        steps = ("tables", "validation", "cohort", "radiomics")
        said = (note for one in steps for note in self.results.get(one, {}).get("notes", ()))
        return (*said, *gate_notes(self.results))

    @property
    def decision(self) -> Decision | None:
        """The gate's answer; None where nothing was published."""
        published = self.results.get("publish")
        return Decision.model_validate(published["decision"]) if published else None

    def note_test_reading(self, purpose: str) -> int:
        """Writes a reading of the test patients into the ledger; the number of its kind so far."""
        note_reading(
            self.home,
            run_id=self.run_id,
            data_md5=self.data.md5,
            protocol_hash=self.protocol.hash(),
            purpose=purpose,
        )
        same = [one for one in readings_of(self.home, self.data.md5) if one.purpose == purpose]
        return len(same)
