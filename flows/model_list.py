"""What stands in a study's registry, asked by commands that may find no registry at all."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from components.platform.store_state import database_path
from flows.settings import Settings

if TYPE_CHECKING:
    from components.platform.tracking import Store
    from components.platform.trained_models import TrainedModel


def registered_models(settings: Settings) -> "tuple[TrainedModel, ...]":
    """Every version in the study's registry; none where nothing was ever recorded.

    Raises:
        PlatformError: MLflow does not answer.
    """
    store = store_if_any(settings)
    if store is None:
        return ()
    from components.platform.trained_models import trained_models

    return trained_models(store)


def mark_withdrawn(settings: Settings, models: Collection[str]) -> None:
    """Say on model versions (by key) that they were trained with a patient who has withdrawn.

    Raises:
        PlatformError: MLflow does not answer.
    """
    store = store_if_any(settings) if models else None
    if store is not None:
        from components.platform.trained_models import mark_models

        mark_models(store, models)


def store_if_any(settings: Settings) -> "Store | None":
    """MLflow as the settings name it; None where nothing was ever recorded, so that none is made.

    Raises:
        PlatformError: MLflow does not answer.
    """
    path = database_path(settings.mlflow_uri)
    if path is not None and not path.exists():
        return None
    from components.platform.tracking import Store  # importing MLflow takes seconds

    return Store(settings.mlflow_uri)
