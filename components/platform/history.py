"""The history of the pointer, kept with the registry itself: a tag an entry.

Tags of the registered model `armwise-recommender`: they are there on a server as in a database, and
each is set in one call. The tag `armwise.history.head` says where the chain ends.
"""

from pydantic import ValidationError

from components.errors import IntegrityError, PlatformError
from components.platform.mlflow_library import mlflow
from components.platform.model_version import RECOMMENDER
from components.platform.tracking import Store
from components.promotion.history import Head, HistoryEntry, check_chain

_PREFIX = "armwise.history."
_HEAD = f"{_PREFIX}head"


def read_history(store: Store) -> tuple[HistoryEntry, ...]:
    """Every move of the pointer, oldest first; empty where nothing was ever promoted.

    Raises:
        IntegrityError: An entry is missing or was changed.
    """
    tags = _tags(store)
    numbered = {
        int(name.removeprefix(_PREFIX)): text
        for name, text in tags.items()
        if name.startswith(_PREFIX) and name != _HEAD
    }
    entries = tuple(_parsed(number, numbered[number]) for number in sorted(numbered))
    head = Head.from_json(tags[_HEAD]) if _HEAD in tags else None
    check_chain(entries, head)
    return entries


def record_move(store: Store, entry: HistoryEntry) -> None:
    """Write an entry at the end of the history; writing the same one again changes nothing.

    Raises:
        PlatformError: Another entry stands there: the pointer was moved elsewhere meanwhile.
    """
    name = f"{_PREFIX}{entry.number:04d}"
    standing = _tags(store).get(name)
    if standing is None:
        store.client.set_registered_model_tag(RECOMMENDER, name, entry.to_json())
        standing = _tags(store).get(name)
    if standing != entry.to_json():
        msg = (
            f"entry {entry.number} of the promotion history was written elsewhere at this moment; "
            "nothing was moved here: look at `armwise history` and try again"
        )
        raise PlatformError(msg)
    head = Head(number=entry.number, sha256=entry.sha256)
    store.client.set_registered_model_tag(RECOMMENDER, _HEAD, head.to_json())


def _tags(store: Store) -> dict[str, str]:
    try:
        return dict(store.client.get_registered_model(RECOMMENDER).tags)
    except mlflow.exceptions.MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return {}
        raise


def _parsed(number: int, text: str) -> HistoryEntry:
    try:
        entry = HistoryEntry.from_json(text)
    except ValidationError:
        entry = None
    if entry is None or entry.number != number:
        msg = f"entry {number} of the promotion history cannot be read: it was changed"
        raise IntegrityError(msg)
    return entry
