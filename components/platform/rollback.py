"""The pointer moved by a person: back to an earlier champion, or to a version they approve."""

from pathlib import Path

from components.errors import UsageError
from components.platform.champion import CHAMPION, champion_version, move_pointer
from components.platform.history import read_history
from components.platform.mlflow_library import mlflow
from components.platform.model_version import RECOMMENDER
from components.platform.tracking import Store
from components.promotion.history import champion_before, once_champions
from components.promotion.records import ChampionFacts


def roll_back(
    store: Store, *, home: Path, reason: str, by: str, to: str | None = None
) -> ChampionFacts:
    """Move the pointer to an earlier champion.

    Args:
        store: Where the models are.
        home: The ARMWISE home folder, for the journal.
        reason: Why, in a sentence; recorded.
        by: Who does it; recorded.
        to: A version that was champion before; the one before the champion where it is None.

    Raises:
        UsageError: There is no earlier champion, the version never was one, is gone, or belongs to
            another study or data origin.
        IntegrityError: The history is broken.
        PlatformError: MLflow did not do its part; the next start repairs.
    """
    history = read_history(store)
    champion = champion_version(store)
    if champion is None:
        msg = "expected a champion to roll back from, found none: nothing was ever promoted"
        raise UsageError(msg)
    earlier = [version for version in once_champions(history) if version != champion]
    wanted = to or champion_before(history, champion)
    if wanted is None:
        msg = (
            f"version {champion} is the first champion of this study: there is nothing before it "
            "to roll back to"
        )
        raise UsageError(msg)
    if wanted == champion:
        msg = f"version {champion} is the champion already; nothing was moved"
        raise UsageError(msg)
    if wanted not in earlier:
        msg = f"version {wanted} never was the champion; {_instead(earlier)}"
        raise UsageError(msg + f", and `armwise approve {wanted}` makes it one")
    others = [version for version in earlier if version != wanted]
    _require(store, wanted, instead=_instead(others))
    return move_pointer(store, wanted, home=home, kind="rollback", reason=reason, by=by)


def approve(store: Store, version: str, *, home: Path, reason: str, by: str) -> ChampionFacts:
    """Move the pointer to a version that the gate did not promote, on a person's word.

    Raises:
        UsageError: The version is the champion already, is not there, or belongs to another study
            or data origin.
        IntegrityError: The history is broken.
        PlatformError: MLflow did not do its part; the next start repairs.
    """
    if champion_version(store) == version:
        msg = f"version {version} is the champion already; nothing was moved"
        raise UsageError(msg)
    found = store.client.search_model_versions(f"name = '{RECOMMENDER}'")
    registered = sorted((str(one.version) for one in found), key=int, reverse=True)
    there = f"registered are {', '.join(registered)}" if registered else "none is registered"
    _require(store, version, instead=there)
    return move_pointer(store, version, home=home, kind="approval", reason=reason, by=by)


def _instead(versions: list[str]) -> str:
    if not versions:
        return f"{RECOMMENDER}@{CHAMPION} stood on no other version before"
    return f"earlier champions are {', '.join(versions)} (--to VERSION)"


def _require(store: Store, version: str, *, instead: str) -> None:
    try:
        store.client.get_model_version(RECOMMENDER, version)
    except mlflow.exceptions.MlflowException:
        msg = f"version {version} of {RECOMMENDER} is not in the registry; {instead}"
        raise UsageError(msg) from None
