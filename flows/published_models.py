"""Scoring and updating of a published model: from files to a page, without any platform."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.arms.published import PublishedModel
from components.arms.scoring import PublishedScore, score_published
from components.arms.updating import UpdatedModel, update_model
from components.errors import UsageError
from components.reporting.published_page import (
    score_section,
    update_section,
    write_published_page,
)
from components.study.protocol import Protocol
from components.study.vocabulary import TreatmentArm
from flows.lineage import package_version
from flows.own_patients import OwnPatients, arms_to_judge, open_model, read_own_patients
from flows.table_inputs import TableInputs


@dataclass(frozen=True, eq=False)
class Scored:
    """What scoring found, and where it was written."""

    scores: tuple[PublishedScore, ...]
    notes: tuple[str, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True, eq=False)
class Updated:
    """What updating found: the update, the updated model's figures, the files."""

    update: UpdatedModel
    before: PublishedScore
    after: PublishedScore
    notes: tuple[str, ...]
    files: tuple[Path, ...]


def score_model(
    model_path: Path,
    inputs: TableInputs,
    protocol: Protocol,
    *,
    arm: TreatmentArm | None,
    folder: Path,
) -> Scored:
    """Judges a published model in a study's own patients, arm by arm.

    Leaves `score-<arm>.json` for each arm and `score.html`.

    Raises:
        UsageError: The model, an arm or a unit cannot be meant.
        CohortRejected: A table cannot be used, or nobody can be scored.
    """
    model = open_model(model_path)
    patients = read_own_patients(inputs, protocol)
    scores = tuple(
        _score(model, patients, one, protocol) for one in arms_to_judge(patients, model, arm)
    )
    files = [_write(folder / f"score-{one.arm.value}.json", one.to_json()) for one in scores]
    notes = _notes(scores, patients)
    page = write_published_page(
        folder / "score.html",
        [score_section(scores)],
        score=scores[0],
        adaptations=patients.adaptations,
        notes=notes,
        byline=_byline(inputs),
        package_version=package_version(),
    )
    return Scored(scores, notes, (*files, page))


def update_published(
    model_path: Path,
    inputs: TableInputs,
    protocol: Protocol,
    *,
    arm: TreatmentArm | None,
    alpha: float,
    folder: Path,
) -> Updated:
    """Updates a published model to the patients of one arm, as little as they allow.

    Leaves `update.json` (every update and its test), `updated-model.json` and `update.html`.

    Raises:
        UsageError: The model, an arm or a unit cannot be meant, or the table has several arms.
        CohortRejected: A table cannot be used, or nobody can be scored.
        NoEventsInArm: Nobody of the arm has died.
        FitFailed: The model cannot be estimated again, which every update is tested against.
    """
    model = open_model(model_path)
    patients = read_own_patients(inputs, protocol)
    own = _one_arm(arms_to_judge(patients, model, arm))
    matched = patients.matched(model, own)
    update = update_model(model, matched, alpha=alpha, level=protocol.evaluation.confidence_level)
    updated = update.model.model_copy(update={"arm": own})
    before, after = (_score(one, patients, own, protocol) for one in (model, updated))
    notes = tuple(dict.fromkeys([*update.notes, *_notes([before], patients)]))
    files = (
        _write(folder / "update.json", update.to_json()),
        _write(folder / "updated-model.json", updated.to_json()),
        write_published_page(
            folder / "update.html",
            [update_section(update, after), score_section([before])],
            score=before,
            adaptations=patients.adaptations,
            notes=notes,
            byline=_byline(inputs),
            package_version=package_version(),
        ),
    )
    return Updated(update, before, after, notes, files)


def _one_arm(arms: Sequence[TreatmentArm]) -> TreatmentArm:
    if len(arms) != 1:
        found = ", ".join(one.value for one in arms) or "none"
        msg = (
            f"expected patients of one arm, the table has: {found}; name one with --arm (each arm "
            "has its own update)"
        )
        raise UsageError(msg)
    return arms[0]


def _score(
    model: PublishedModel, patients: OwnPatients, arm: TreatmentArm, protocol: Protocol
) -> PublishedScore:
    return score_published(
        model,
        patients.matched(model, arm),
        arm=arm,
        origin=patients.origin,
        horizons_days=protocol.study.horizons_days,
        evaluation=protocol.evaluation,
        seed=protocol.study.seed,
    )


def _notes(scores: Sequence[PublishedScore], patients: OwnPatients) -> tuple[str, ...]:
    said = [note for one in scores for note in one.notes]
    return tuple(dict.fromkeys([*said, *patients.notes]))


def _byline(inputs: TableInputs) -> str:
    return (
        f"{inputs.mapping.study.title} \u00b7 {inputs.clinical.name} \u00b7 data "
        f"{inputs.version.md5[:8]} \u00b7 armwise {package_version()}"
    )


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path
