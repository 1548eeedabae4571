"""Runs in MLflow: one run a key, nested study > backbone > trial, quiet and resumable.

The embedded default is SQLite beside the data; the same calls work against a server.
"""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.exc import SQLAlchemyError

from components.errors import PlatformError
from components.platform.mlflow_library import mlflow
from components.platform.store_state import DATABASE_WAIT_S, wait_for_database

MlflowException = mlflow.exceptions.MlflowException

KEY_TAG = "armwise.key"
"""Tag by which a run is found again."""

PROCESS_TAG = "armwise.process"
"""Tag that names the process at work on a run."""

_EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}
"""The UI then shows runs and models first."""

TRAINING_PAGES = "workflowType=machine_learning"
"""In an address: MLflow's pages of training runs, where it would show those of language models."""

METRICS_PER_CALL = 1000
"""MLflow's limit of one `log_batch` call."""

SERVER_TIMEOUT_S = 10.0


class Store:
    """MLflow at an address: its runs and its registry.

    Args:
        tracking_uri: A database (`sqlite:///...`, `postgresql+psycopg://...`) or a server.

    Raises:
        PlatformError: The server does not answer, or the database cannot be used.
    """

    def __init__(self, tracking_uri: str) -> None:
        check_connection(tracking_uri)
        self.uri = tracking_uri
        # Models are saved and loaded by MLflow's own functions, which know only the global address.
        mlflow.set_tracking_uri(tracking_uri)
        mlflow.set_registry_uri(tracking_uri)
        with usable(tracking_uri):
            self.client: Any = mlflow.MlflowClient(tracking_uri, tracking_uri)
            self.client.search_experiments(max_results=1)


class Tracking(Store):
    """Where a study's runs are recorded.

    Args:
        tracking_uri: As for `Store`.
        experiment: Name of the experiment; made when it is new.
        artifact_root: Folder of the experiment's files, for a database on this machine. A server
            decides for itself: leave it None.

    Raises:
        PlatformError: The server does not answer, or the database cannot be used.
    """

    def __init__(
        self, tracking_uri: str, experiment: str, *, artifact_root: Path | None = None
    ) -> None:
        super().__init__(tracking_uri)
        self.experiment = experiment
        with usable(tracking_uri):
            self.experiment_id: str = self._experiment(artifact_root)

    def _experiment(self, artifact_root: Path | None) -> str:
        found = self.client.get_experiment_by_name(self.experiment)
        if found is not None and found.lifecycle_stage != "active":
            self.client.restore_experiment(found.experiment_id)
        if found is not None:
            return str(found.experiment_id)
        location = artifact_root.resolve().as_uri() if artifact_root else None
        return str(self.client.create_experiment(self.experiment, location, tags=_EXPERIMENT_TAGS))

    def study_run(
        self,
        key: str,
        *,
        name: str,
        tags: Mapping[str, str],
        params: Mapping[str, object] | None = None,
    ) -> str:
        """The id of the run of a key: found again and reopened unless finished, else a new one."""
        return self._run(key, name=name, tags=dict(tags), params=params or {})

    def child_run(
        self,
        parent_run_id: str,
        key: str,
        *,
        name: str,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """The id of the run of a key below another run; `key` is unique in the experiment."""
        nested = {**(tags or {}), mlflow.utils.mlflow_tags.MLFLOW_PARENT_RUN_ID: parent_run_id}
        return self._run(key, name=name, tags=nested, params=params or {})

    def _run(
        self, key: str, *, name: str, tags: dict[str, str], params: Mapping[str, object]
    ) -> str:
        found = self.find_run(key)
        if found is None:
            run = self.client.create_run(
                self.experiment_id, run_name=name, tags={**tags, KEY_TAG: key}
            )
        else:
            run = found
            if run.info.status != "FINISHED":
                self.client.update_run(run.info.run_id, status="RUNNING")
            self.set_tags(run.info.run_id, tags)
        self._log_fresh(run, params)
        return str(run.info.run_id)

    def log_params(self, run_id: str, params: Mapping[str, object]) -> None:
        """Record parameters of a run; one that stands keeps its value."""
        self._log_fresh(self.client.get_run(run_id), params)

    def _log_fresh(self, run: Any, params: Mapping[str, object]) -> None:
        known = set(run.data.params)
        fresh = [mlflow.entities.Param(k, str(v)) for k, v in params.items() if k not in known]
        if fresh:
            self.client.log_batch(run.info.run_id, params=fresh)

    def find_run(self, key: str) -> Any | None:
        """MLflow's run of a key, the newest if there were several; None if there is none."""
        found = self.client.search_runs(
            [self.experiment_id],
            filter_string=f"tags.`{KEY_TAG}` = '{key}'",
            order_by=["attributes.start_time DESC"],
            max_results=1,
        )
        return found[0] if found else None

    def log_metrics(
        self, run_id: str, metrics: Mapping[str, float | None], *, step: int | None = None
    ) -> None:
        """Record figures of a run in as few calls as MLflow allows; None is left out."""
        now_ms = int(time.time() * 1000)
        rows = [
            mlflow.entities.Metric(name, float(value), now_ms, step or 0)
            for name, value in metrics.items()
            if value is not None
        ]
        for start in range(0, len(rows), METRICS_PER_CALL):
            self.client.log_batch(run_id, metrics=rows[start : start + METRICS_PER_CALL])

    def set_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Set tags of a run; a tag that stands is overwritten."""
        if tags:
            rows = [mlflow.entities.RunTag(name, str(value)) for name, value in tags.items()]
            self.client.log_batch(run_id, tags=rows)

    def log_file(self, run_id: str, path: Path, *, folder: str | None = None) -> None:
        """Store a file with a run, in a folder of the run's artifacts."""
        self.client.log_artifact(run_id, str(path), folder)

    def log_folder(self, run_id: str, path: Path, *, folder: str | None = None) -> None:
        """Store everything in a folder with a run."""
        self.client.log_artifacts(run_id, str(path), folder)

    def log_text(self, run_id: str, text: str, file: str) -> None:
        """Store a text with a run, under a path such as `report/summary.md`."""
        self.client.log_text(run_id, text, file)

    def log_data(
        self,
        run_id: str,
        columns: Sequence[str],
        *,
        data_md5: str,
        source: str,
        name: str = "cohort",
        n_patients: int,
    ) -> None:
        """Record which data version a run read: DVC's md5, the columns and the number of patients.

        Only the columns' names go to MLflow, no cell.
        """
        columns_only = [{"name": c, "type": "string", "required": False} for c in columns]
        dataset = mlflow.entities.Dataset(
            name=name,
            # At most 36 characters: DVC's 32 and ".dir" fit exactly.
            digest=data_md5[:36],
            source_type="local",
            source=json.dumps({"uri": source}),
            schema=json.dumps({"mlflow_colspec": columns_only}),
            profile=json.dumps({"n_patients": n_patients}),
        )
        context = mlflow.entities.InputTag("mlflow.data.context", "training")
        self.client.log_inputs(run_id, [mlflow.entities.DatasetInput(dataset, [context])])

    def artifacts(self, run_id: str, folder: str | None = None) -> tuple[str, ...]:
        """Paths of the files and folders that a run holds in a folder."""
        return tuple(item.path for item in self.client.list_artifacts(run_id, folder))

    def has_run(self, run_id: str) -> bool:
        """Whether the run is there and not deleted."""
        try:
            return bool(self.client.get_run(run_id).info.lifecycle_stage == "active")
        except MlflowException:
            return False

    def finish(self, run_id: str, status: str = "FINISHED") -> None:
        """End a run as FINISHED, FAILED or KILLED."""
        self.client.set_terminated(run_id, status)

    def finish_nested(self, run_id: str, status: str) -> None:
        """End a run and those nested in it that are still RUNNING, the innermost first."""
        nested = mlflow.utils.mlflow_tags.MLFLOW_PARENT_RUN_ID
        for run in self._running(f"tags.`{nested}` = '{run_id}'"):
            self.finish_nested(run.info.run_id, status)
        self.finish(run_id, status)

    def running_by(self) -> dict[str, str]:
        """The processes that the RUNNING runs belong to, by run id, where that was recorded."""
        runs = self._running(f"tags.`{PROCESS_TAG}` LIKE '%'")
        return {run.info.run_id: run.data.tags[PROCESS_TAG] for run in runs}

    def _running(self, condition: str) -> Sequence[Any]:
        query = f"{condition} and attributes.status = 'RUNNING'"
        return list(self.client.search_runs([self.experiment_id], query, max_results=1000))

    def run_url(self, run_id: str) -> str:
        """The run's address on a server, or its path in the UI of an embedded store."""
        page = f"/#/experiments/{self.experiment_id}/runs/{run_id}?{TRAINING_PAGES}"
        return self.uri.rstrip("/") + page if _is_server(self.uri) else page

    def comparison_url(self, run_ids: Sequence[str]) -> str:
        """The page that compares runs, as an address on a server or a path in the UI."""
        runs = ",".join(f'"{run_id}"' for run_id in run_ids)
        page = f'/#/compare-runs?runs=[{runs}]&experiments=["{self.experiment_id}"]'
        page += f"&{TRAINING_PAGES}"
        return self.uri.rstrip("/") + page if _is_server(self.uri) else page


@contextlib.contextmanager
def usable(tracking_uri: str) -> Iterator[None]:
    """MLflow's errors in the block as one of ours, with the address."""
    try:
        yield
    except (MlflowException, SQLAlchemyError) as error:
        msg = (
            f"expected a usable MLflow store at {_shown(tracking_uri)}: {_first_line(error)}; "
            "after a change of MLflow's version run `mlflow db upgrade` on it"
        )
        raise PlatformError(msg) from error


def check_connection(tracking_uri: str) -> None:
    """Nothing, once the address answers or the database's folder is there.

    Raises:
        PlatformError: The server does not answer, or the folder cannot be made.
    """
    if _is_server(tracking_uri):
        _ask_server(tracking_uri)
    elif tracking_uri.startswith("sqlite:///"):
        path = Path(tracking_uri.removeprefix("sqlite:///"))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"expected a folder {path.parent} for MLflow's database: {error.strerror}"
            raise PlatformError(msg) from error
        wait_for_database(path, seconds=DATABASE_WAIT_S)


def _ask_server(uri: str) -> None:
    try:
        with urllib.request.urlopen(uri.rstrip("/") + "/health", timeout=SERVER_TIMEOUT_S):  # noqa: S310  http(s) only, see _is_server
            return
    except urllib.error.HTTPError as error:
        reason = f"it answers {error.code}"
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        reason = str(getattr(error, "reason", error))
    msg = (
        f"expected an MLflow server at {_shown(uri)}: {reason}; start it, or correct "
        "ARMWISE_TRACKING_URI (empty means the embedded store)"
    )
    raise PlatformError(msg)


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _shown(uri: str) -> str:
    """An address without the password that it may hold."""
    parts = urlsplit(uri)
    if parts.password is None:
        return uri
    return uri.replace(f":{parts.password}@", ":***@")


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
