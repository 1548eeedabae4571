"""The one pointer: `armwise-recommender@champion`, and the aliases that follow it."""

import contextlib
from pathlib import Path
from typing import Any

from components.errors import IntegrityError, PlatformError, UsageError
from components.platform.journal import Intention, abandoned, intending, new_identity
from components.platform.mlflow_library import mlflow
from components.platform.model_version import BACKBONE, RECOMMENDER, ModelVersion
from components.platform.registry import remove_registration
from components.platform.tracking import Tracking
from components.prediction.recommender import Pin, RecommenderCard
from components.prediction.stored import read_stored
from components.promotion.records import ChampionFacts

MlflowException = mlflow.exceptions.MlflowException

CHAMPION = "champion"
_FIRST_TAG = "armwise.first_champion"
_REASON_TAG = "armwise.promotion_reason"
_APPROVED_TAG = "armwise.approved_by"


def champion_facts(tracking: Tracking) -> ChampionFacts | None:
    """What the pointer stands on; None where nothing was ever promoted.

    Raises:
        IntegrityError: The champion's pins cannot be read.
    """
    version = champion_version(tracking)
    if version is None:
        return None
    pins = _pins(tracking, version)
    registered = tracking.client.get_registered_model(RECOMMENDER)
    tags = tracking.client.get_model_version(RECOMMENDER, version).tags
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


def champion_version(tracking: Tracking) -> str | None:
    """The recommender version that the pointer stands on."""
    try:
        found = tracking.client.get_model_version_by_alias(RECOMMENDER, CHAMPION)
    except MlflowException:
        return None
    return str(found.version)


def promote(
    tracking: Tracking,
    recommender: ModelVersion,
    *,
    home: Path,
    reason: str,
    approved_by: str = "gate",
) -> ChampionFacts:
    """Move the pointer to a recommender; the other aliases follow.

    Args:
        tracking: Where the models are.
        recommender: The version to be champion; an earlier one rolls back.
        home: The ARMWISE home folder, for the journal.
        reason: Why, in a sentence; recorded with the version.
        approved_by: "gate", or the name of the person who approved it.

    Raises:
        UsageError: The champion is of another study, or of data of another origin.
        PlatformError: MLflow did not do its part; the next start repairs.
    """
    previous = champion_version(tracking)
    _refuse_foreign(tracking, recommender.version, previous)
    intention = Intention(
        kind="promotion", identity=new_identity(), target=recommender.version, previous=previous
    )
    tags = {_REASON_TAG: reason[:5000], _APPROVED_TAG: approved_by}
    with _translated(), intending(home, intention):
        for key, value in tags.items():
            tracking.client.set_model_version_tag(RECOMMENDER, recommender.version, key, value)
        _point(tracking, recommender.version)
    facts = champion_facts(tracking)
    if facts is None or facts.recommender_version != recommender.version:
        msg = f"{RECOMMENDER}@{CHAMPION} does not stand on version {recommender.version}"
        raise IntegrityError(msg)
    return facts


def repair(tracking: Tracking, *, home: Path) -> tuple[str, ...]:
    """Finish or undo what a process that died had begun; returns what was done, in sentences.

    A registration is undone. A promotion is finished, unless the pointer was moved by someone else
    since. Call it at every start; it costs nothing where nothing stands in the journal.
    """
    done: list[str] = []
    with _translated(), abandoned(home) as intentions:
        for intention in intentions:
            if intention.kind == "registration":
                removed = remove_registration(tracking, intention.identity)
                done += [f"removed {name}: its registration was cut short" for name in removed]
            else:
                done += _finish_promotion(tracking, intention)
    return tuple(done)


def _finish_promotion(tracking: Tracking, intention: Intention) -> list[str]:
    current = champion_version(tracking)
    if intention.target is None or current not in {intention.target, intention.previous}:
        followed = "its" if current else "no"
        if current:
            _follow(tracking, current)
        return [f"{RECOMMENDER}@{CHAMPION} was moved since; {followed} aliases were set"]
    try:
        tracking.client.get_model_version(RECOMMENDER, intention.target)
    except MlflowException:
        return [f"{RECOMMENDER} version {intention.target} is gone; its promotion was dropped"]
    _point(tracking, intention.target)
    return [f"finished the promotion of {RECOMMENDER} version {intention.target}"]


def _point(tracking: Tracking, version: str) -> None:
    client = tracking.client
    if _FIRST_TAG not in client.get_registered_model(RECOMMENDER).tags:
        client.set_registered_model_tag(RECOMMENDER, _FIRST_TAG, version)
    client.set_registered_model_alias(RECOMMENDER, CHAMPION, version)
    _follow(tracking, version)


def _follow(tracking: Tracking, version: str) -> None:
    """Set the alias of each pinned model; a backbone that is not pinned any more loses it."""
    pins = _pins(tracking, version)
    for pin in _all(pins):
        tracking.client.set_registered_model_alias(pin.name, CHAMPION, pin.version)
    if pins.backbone is None:
        with contextlib.suppress(MlflowException):  # there may be no backbone at all
            tracking.client.delete_registered_model_alias(BACKBONE, CHAMPION)


def _all(pins: RecommenderCard) -> list[Pin]:
    return [*pins.nomograms.values(), *([pins.backbone] if pins.backbone else [])]


def _pins(tracking: Tracking, version: str) -> RecommenderCard:
    uri = f"models:/{RECOMMENDER}/{version}/artifacts/content/recommender.json"
    try:
        path = mlflow.artifacts.download_artifacts(uri, tracking_uri=tracking.uri)
    except (MlflowException, OSError) as error:
        msg = (
            f"expected recommender.json in {RECOMMENDER} version {version}, found none; its files "
            "are gone: promote another version"
        )
        raise IntegrityError(msg) from error
    return read_stored(Path(path), RecommenderCard)


def _refuse_foreign(tracking: Tracking, version: str, previous: str | None) -> None:
    if previous is None:
        return
    challenger, champion = _pins(tracking, version), _pins(tracking, previous)
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
