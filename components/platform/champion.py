"""The one pointer: `armwise-recommender@champion`, and the aliases that follow it."""

import contextlib
from pathlib import Path
from typing import Any

from components.errors import IntegrityError, PlatformError, UsageError
from components.platform.history import read_history, record_move
from components.platform.journal import (
    Intention,
    abandoned,
    intending,
    new_identity,
    one_at_a_time,
)
from components.platform.mlflow_library import mlflow
from components.platform.model_version import BACKBONE, RECOMMENDER, ModelVersion
from components.platform.registry import remove_registration
from components.platform.tracking import Store
from components.prediction.recommender import Pin, RecommenderCard
from components.prediction.stored import read_stored
from components.promotion.history import REASON_LENGTH, HistoryEntry, MoveKind, next_entry
from components.promotion.records import ChampionFacts

MlflowException = mlflow.exceptions.MlflowException

CHAMPION = "champion"
_FIRST_TAG = "armwise.first_champion"
_REASON_TAG = "armwise.promotion_reason"
_APPROVED_TAG = "armwise.approved_by"


def champion_facts(store: Store) -> ChampionFacts | None:
    """What the pointer stands on; None where nothing was ever promoted.

    Raises:
        IntegrityError: The champion's pins cannot be read.
    """
    version = champion_version(store)
    if version is None:
        return None
    pins = _pins(store, version)
    registered = store.client.get_registered_model(RECOMMENDER)
    tags = store.client.get_model_version(RECOMMENDER, version).tags
    return ChampionFacts(
        recommender_version=version,
        study_id=pins.study_id,
        data_origin=pins.data_origin,
        nomogram_versions={arm: pin.version for arm, pin in pins.nomograms.items()},
        backbone_version=pins.backbone.version if pins.backbone else None,
        data_version=pins.data_version,
        first_approved_version=registered.tags.get(_FIRST_TAG, version),
        approved_by=tags.get(_APPROVED_TAG, "gate"),
    )


def champion_version(store: Store) -> str | None:
    """The recommender version that the pointer stands on."""
    try:
        found = store.client.get_model_version_by_alias(RECOMMENDER, CHAMPION)
    except MlflowException:
        return None
    return str(found.version)


def promote(
    store: Store,
    recommender: ModelVersion,
    *,
    home: Path,
    reason: str,
    approved_by: str = "gate",
) -> ChampionFacts:
    """Move the pointer to a recommender; the other aliases follow, the history records it.

    Where the pointer stands there already (a retraining that was cut off and goes on), nothing is
    moved and nothing recorded.

    Args:
        store: Where the models are.
        recommender: The version to be champion.
        home: The ARMWISE home folder, for the journal.
        reason: Why, in a sentence; recorded.
        approved_by: "gate", or the name of the person who approved it.

    Raises:
        UsageError: The champion is of another study, or of data of another origin.
        IntegrityError: The history is broken.
        PlatformError: MLflow did not do its part; the next start repairs.
    """
    kind: MoveKind = "promotion" if approved_by == "gate" else "approval"
    return move_pointer(
        store,
        recommender.version,
        home=home,
        kind=kind,
        reason=reason[:REASON_LENGTH],
        by=approved_by,
    )


def move_pointer(
    store: Store, version: str, *, home: Path, kind: MoveKind, reason: str, by: str
) -> ChampionFacts:
    """Move the pointer and record why; `promote`, approval and rollback are this.

    Raises:
        UsageError: The champion is of another study, or of data of another origin.
        IntegrityError: The history is broken.
        PlatformError: MLflow did not do its part; the next start repairs.
    """
    with _translated(), one_at_a_time(home):
        previous = champion_version(store)
        _refuse_foreign(store, version, previous)
        if version == previous:
            _follow(store, version)
        else:
            entry = next_entry(
                read_history(store),
                kind=kind,
                from_version=previous,
                to_version=version,
                reason=reason,
                by=by,
            )
            with intending(home, Intention(kind="move", identity=new_identity(), entry=entry)):
                _carry_out(store, entry)
    facts = champion_facts(store)
    if facts is None or facts.recommender_version != version:
        msg = f"{RECOMMENDER}@{CHAMPION} does not stand on version {version}"
        raise IntegrityError(msg)
    return facts


def repair(store: Store, *, home: Path) -> tuple[str, ...]:
    """Finish or undo what a process that died had begun; returns what was done, in sentences.

    A registration is undone. A move of the pointer is finished, with its entry in the history,
    unless the pointer was moved by someone else since. Call it at every start; it costs nothing
    where nothing stands in the journal.
    """
    done: list[str] = []
    with _translated(), abandoned(home) as intentions:
        for intention in intentions:
            if intention.entry is not None:
                done += _finish_move(store, intention.entry)
            else:
                removed = remove_registration(store, intention.identity)
                done += [f"removed {name}: its registration was cut short" for name in removed]
    return tuple(done)


def _finish_move(store: Store, entry: HistoryEntry) -> list[str]:
    current = champion_version(store)
    others = [one for one in read_history(store)[entry.number - 1 :] if one != entry]
    if others or current not in {entry.to_version, entry.from_version}:
        followed = "its" if current else "no"
        if current:
            _follow(store, current)
        return [f"{RECOMMENDER}@{CHAMPION} was moved since; {followed} aliases were set"]
    try:
        store.client.get_model_version(RECOMMENDER, entry.to_version)
    except MlflowException:
        return [f"{RECOMMENDER} version {entry.to_version} is gone; its {entry.kind} was dropped"]
    _carry_out(store, entry)
    return [f"finished the {entry.kind} of {RECOMMENDER} version {entry.to_version}"]


def _carry_out(store: Store, entry: HistoryEntry) -> None:
    """The entry first: a move that is not recorded is worse than one that is not yet done."""
    client, version = store.client, entry.to_version
    record_move(store, entry)
    if entry.kind != "rollback":  # an earlier champion keeps the reason that it was promoted for
        client.set_model_version_tag(RECOMMENDER, version, _REASON_TAG, entry.reason)
        client.set_model_version_tag(RECOMMENDER, version, _APPROVED_TAG, entry.by)
    if _FIRST_TAG not in client.get_registered_model(RECOMMENDER).tags:
        client.set_registered_model_tag(RECOMMENDER, _FIRST_TAG, version)
    client.set_registered_model_alias(RECOMMENDER, CHAMPION, version)
    _follow(store, version)


def _follow(store: Store, version: str) -> None:
    """Set the alias of each pinned model; a backbone that is not pinned any more loses it."""
    pins = _pins(store, version)
    for pin in _all(pins):
        store.client.set_registered_model_alias(pin.name, CHAMPION, pin.version)
    if pins.backbone is None:
        with contextlib.suppress(MlflowException):  # there may be no backbone at all
            store.client.delete_registered_model_alias(BACKBONE, CHAMPION)


def _all(pins: RecommenderCard) -> list[Pin]:
    return [*pins.nomograms.values(), *([pins.backbone] if pins.backbone else [])]


def _pins(store: Store, version: str) -> RecommenderCard:
    uri = f"models:/{RECOMMENDER}/{version}/artifacts/content/recommender.json"
    try:
        path = mlflow.artifacts.download_artifacts(uri, tracking_uri=store.uri)
    except (MlflowException, OSError) as error:
        msg = (
            f"expected recommender.json in {RECOMMENDER} version {version}, found none; its files "
            "are gone: promote another version"
        )
        raise IntegrityError(msg) from error
    return read_stored(Path(path), RecommenderCard)


def _refuse_foreign(store: Store, version: str, previous: str | None) -> None:
    if previous is None:
        return
    challenger, champion = _pins(store, version), _pins(store, previous)
    if challenger.study_id != champion.study_id:
        msg = (
            f"the champion belongs to study '{champion.study_id}', the challenger to "
            f"'{challenger.study_id}'; give each study its own store (`armwise init DIR`)"
        )
        raise UsageError(msg)
    if challenger.data_origin != champion.data_origin:
        msg = (
            f"the champion comes from {champion.data_origin.value} data, the challenger from "
            f"{challenger.data_origin.value}; the two never replace each other: give each study "
            "its own store (`armwise init DIR`)"
        )
        raise UsageError(msg)


@contextlib.contextmanager
def _translated() -> Any:
    try:
        yield
    except MlflowException as error:
        msg = f"MLflow could not move the pointer: {str(error).splitlines()[0]}"
        raise PlatformError(msg) from error
