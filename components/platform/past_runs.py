"""The retrainings that MLflow knows of, found by name, by the beginning of an id, or by age."""

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from components.errors import UsageError
from components.platform.mlflow_library import mlflow
from components.platform.model_version import RECOMMENDER
from components.platform.tracking import Store
from components.promotion.retrainings import RunFacts

PROTOCOL_FILE = "protocol.yaml"
SOFTWARE_FILE = "software.json"

_AGES = ("latest", "previous")
_PAGE = 1000
_CANDIDATES_SHOWN = 10


def past_runs(store: Store, *, limit: int | None = None) -> tuple[RunFacts, ...]:
    """The runs of whole studies in all experiments of the store, newest first."""
    experiments = [one.experiment_id for one in store.client.search_experiments()]
    found: list[Any] = []
    token = None
    while limit is None or len(found) < limit:
        page = store.client.search_runs(
            experiments,
            filter_string="tags.`armwise.level` = 'study'",
            order_by=["attributes.start_time DESC"],
            max_results=min(_PAGE, limit - len(found)) if limit else _PAGE,
            page_token=token,
        )
        found += page
        token = page.token
        if not token:
            break
    made = store.client.search_model_versions(f"name = '{RECOMMENDER}'")
    versions = {one.run_id: str(one.version) for one in made}
    return tuple(_facts(run, versions.get(run.info.run_id)) for run in found)


def choose_run(runs: Sequence[RunFacts], wanted: str) -> RunFacts:
    """The run that is meant.

    Args:
        runs: Newest first.
        wanted: `latest` or `previous` of the finished ones, a run's name, or how its id begins.

    Raises:
        UsageError: None or several fit; the message names them.
    """
    if wanted in _AGES:
        finished = [run for run in runs if run.status == "FINISHED"]
        position = _AGES.index(wanted)
        if position < len(finished):
            return finished[position]
        msg = f"'{wanted}': expected {position + 1} finished retrainings, found {len(finished)}"
        raise UsageError(msg)
    fitting = [run for run in runs if run.name == wanted or run.run_id.startswith(wanted.lower())]
    if len(fitting) == 1:
        return fitting[0]
    what, candidates = ("several runs fit", fitting) if fitting else ("no run fits", list(runs))
    shown = [f"{run.run_id[:8]} ({run.name}, {run.started})" for run in candidates]
    more = ", ..." if len(shown) > _CANDIDATES_SHOWN else ""
    there = ", ".join(shown[:_CANDIDATES_SHOWN]) or "none: run `armwise retrain` first"
    msg = f"'{wanted}': {what}; there are {there}{more}"
    raise UsageError(msg)


def with_files(store: Store, run: RunFacts) -> RunFacts:
    """The run with its protocol and software, where it holds them."""
    protocol = _text(store, run.run_id, PROTOCOL_FILE)
    software = _text(store, run.run_id, SOFTWARE_FILE)
    return run.model_copy(
        update={
            "protocol": yaml.safe_load(protocol) if protocol else None,
            "software": json.loads(software) if software else None,
        }
    )


def _text(store: Store, run_id: str, file: str) -> str | None:
    uri = f"runs:/{run_id}/{file}"
    try:
        path = mlflow.artifacts.download_artifacts(uri, tracking_uri=store.uri)
    except (mlflow.exceptions.MlflowException, OSError):
        return None
    return Path(path).read_text(encoding="utf-8")


def _facts(run: Any, version: str | None) -> RunFacts:
    started = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    return RunFacts(
        run_id=run.info.run_id,
        name=run.info.run_name,
        started=started.strftime("%Y-%m-%d %H:%M"),
        status=run.info.status,
        tags=dict(run.data.tags),
        params=dict(run.data.params),
        version=version,
        metrics={name: v for name, v in run.data.metrics.items() if math.isfinite(v)},
    )
