"""MLflow runs and artifacts that nothing points to, found and removed."""

import shutil
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from components.platform.mlflow_library import mlflow
from components.platform.tracking import Store, usable
from components.study.results import Record

_PAGE = 1000
_ENDED = ("FAILED", "KILLED")


class AbandonedRun(Record):
    """A run that ended without a result, or one below such a run."""

    run_id: str
    name: str
    status: str
    artifacts: str | None


def abandoned_runs(
    store: Store, *, before_ms: int, kept: Collection[str], with_running: bool
) -> list[AbandonedRun]:
    """Failed and killed runs without a registered version, and all runs below them.

    Args:
        store: Where they are.
        before_ms: Only runs that ended before this time.
        kept: Ids of runs that something else points to.
        with_running: RUNNING ones too: nobody is at work on them.
    """
    runs = {run.info.run_id: run for run in _all_runs(store)}
    needed = {*kept, *(version.run_id for version in _versions(store))}
    for run_id in list(needed):
        needed |= _ancestors(run_id, runs)
    statuses = {*_ENDED, *(["RUNNING", "SCHEDULED"] if with_running else [])}
    heads = {
        run_id
        for run_id, run in runs.items()
        if run.info.status in statuses
        and (run.info.end_time or run.info.start_time) < before_ms
        and not ({run_id} | _ancestors(run_id, runs)) & needed
    }
    gone = {run_id for run_id in runs if ({run_id} | _ancestors(run_id, runs)) & heads}
    return [_abandoned(runs[run_id]) for run_id in sorted(gone - needed)]


def orphaned_artifacts(store: Store, root: Path) -> list[Path]:
    """Folders of the embedded store's artifacts whose run or model MLflow does not know."""
    runs = {run.info.run_id for run in _all_runs(store, deleted=True)}
    models = {version.source.rpartition("/")[2] for version in _versions(store)}
    models |= {model.model_id for model in _models(store)}
    folders = [path for path in root.glob("*") if path.is_dir() and path.name != "models"]
    orphans = [path for path in folders if path.name not in runs]
    return orphans + [path for path in (root / "models").glob("m-*") if path.name not in models]


def remove_runs(store: Store, runs: Sequence[AbandonedRun]) -> None:
    """Delete runs; from a database for good and with their artifacts, on a server as its UI does.

    Raises:
        PlatformError: MLflow did not do its part.
    """
    with usable(store.uri):
        for run in runs:
            store.client.delete_run(run.run_id)
            if store.uri.startswith(("http://", "https://")):
                continue
            # What the command `mlflow gc` calls, without starting another MLflow.
            store.client._tracking_client.store._hard_delete_run(run.run_id)  # noqa: SLF001
            if run.artifacts:
                shutil.rmtree(Path(run.artifacts).parent, ignore_errors=True)


def _all_runs(store: Store, *, deleted: bool = False) -> list[Any]:
    view = mlflow.entities.ViewType
    experiments = store.client.search_experiments(view_type=view.ALL)
    found: list[Any] = []
    token = None
    while True:
        page = store.client.search_runs(
            [experiment.experiment_id for experiment in experiments],
            run_view_type=view.ALL if deleted else view.ACTIVE_ONLY,
            max_results=_PAGE,
            page_token=token,
        )
        found += page
        token = page.token
        if not token:
            return found


def _versions(store: Store) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        page = store.client.search_model_versions(max_results=_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _models(store: Store) -> list[Any]:
    experiments = [one.experiment_id for one in store.client.search_experiments()]
    return list(store.client.search_logged_models(experiments)) if experiments else []


def _ancestors(run_id: str, runs: dict[str, Any]) -> set[str]:
    found: set[str] = set()
    while run_id in runs:
        run_id = runs[run_id].data.tags.get(mlflow.utils.mlflow_tags.MLFLOW_PARENT_RUN_ID, "")
        if not run_id or run_id in found:
            break
        found.add(run_id)
    return found


def _abandoned(run: Any) -> AbandonedRun:
    uri = run.info.artifact_uri or ""
    return AbandonedRun(
        run_id=run.info.run_id,
        name=run.info.run_name or run.info.run_id,
        status=run.info.status,
        artifacts=uri.removeprefix("file://") if uri.startswith("file://") else None,
    )
