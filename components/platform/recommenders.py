"""The content of registered recommenders, fetched to be asked or served."""

from pathlib import Path

from mlflow.exceptions import MlflowException

from components.errors import IntegrityError
from components.platform.champion import CHAMPION
from components.platform.mlflow_library import mlflow
from components.platform.model_version import RECOMMENDER
from components.platform.tracking import Store


def fetch_content(store: Store, version: str, *, folder: Path) -> Path:
    """A recommender's content (nomograms by arm, `backbone/`) in a folder.

    Raises:
        IntegrityError: The version or its files are gone.
    """
    try:
        uri = f"models:/{RECOMMENDER}/{version}/artifacts/content"
        path = mlflow.artifacts.download_artifacts(
            uri, dst_path=str(folder), tracking_uri=store.uri
        )
    except (MlflowException, OSError) as error:
        msg = (
            f"expected the content of {RECOMMENDER} version {version}, found none; its files are "
            "gone: promote another version"
        )
        raise IntegrityError(msg) from error
    return Path(path)


def recommender_to_serve(store: Store) -> tuple[str, str]:
    """The address of the recommender to serve, and why this one, in a sentence.

    The champion where there is one, else the newest version.

    Raises:
        IntegrityError: No recommender is registered.
    """
    client = store.client
    try:
        found = client.get_model_version_by_alias(RECOMMENDER, CHAMPION)
        return (
            f"models:/{RECOMMENDER}@{CHAMPION}",
            f"Serving the champion, version {found.version}.",
        )
    except MlflowException:
        versions = client.search_model_versions(f"name = '{RECOMMENDER}'")
    if not versions:
        msg = "expected a registered recommender, found none; run `armwise retrain` first"
        raise IntegrityError(msg)
    newest = max(int(version.version) for version in versions)
    why = f"No champion: nothing was promoted. Serving the newest, version {newest}, for a look."
    return f"models:/{RECOMMENDER}/{newest}", why
