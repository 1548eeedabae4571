"""Registered models by the data version that they were trained on."""

from collections.abc import Collection

from components.platform.tracking import Store, usable
from components.study.results import Record

WITHDRAWN_TAG = "armwise.trained_on_withdrawn"
"""Tag of a version whose training data held a patient who withdrew since."""

_PAGE = 1000


class TrainedModel(Record):
    """A registered version, its aliases and the data version that it was trained on.

    `data_md5` and `run_id` are empty where the registry does not say.
    """

    name: str
    version: str
    aliases: tuple[str, ...]
    data_md5: str
    run_id: str

    @property
    def key(self) -> str:
        """`armwise-backbone/3`."""
        return f"{self.name}/{self.version}"

    @property
    def title(self) -> str:
        """`armwise-backbone 3 (champion)`."""
        named = f" ({', '.join(self.aliases)})" if self.aliases else ""
        return f"{self.name} {self.version}{named}"


def trained_models(store: Store) -> tuple[TrainedModel, ...]:
    """Every version in the registry, by name and version.

    Raises:
        PlatformError: MLflow did not do its part.
    """
    found, token = [], None
    with usable(store.uri):
        while True:
            page = store.client.search_model_versions(max_results=_PAGE, page_token=token)
            found += page
            token = page.token
            if not token:
                break
        names = sorted({one.name for one in found})
        aliases = {name: store.client.get_registered_model(name).aliases for name in names}
    models = [
        TrainedModel(
            name=one.name,
            version=str(one.version),
            aliases=tuple(
                sorted(a for a, v in aliases[one.name].items() if str(v) == str(one.version))
            ),
            data_md5=one.tags.get("data_md5", ""),
            run_id=one.run_id or "",
        )
        for one in found
    ]
    return tuple(sorted(models, key=lambda model: (model.name, int(model.version))))


def mark_models(store: Store, models: Collection[str]) -> None:
    """Say on versions that their training data held a patient who has withdrawn.

    Args:
        store: Where they are.
        models: Their keys; one that is not there any more is left out.

    Raises:
        PlatformError: MLflow did not do its part.
    """
    for model in trained_models(store):
        if model.key in models:
            with usable(store.uri):
                store.client.set_model_version_tag(model.name, model.version, WITHDRAWN_TAG, "yes")
