"""Whether recorded runs and model versions still exist, asked without importing MLflow.

Importing MLflow takes longer than "nothing has changed" may. A database is read through SQLAlchemy
and the two tables that hold the answer; a server is asked through MLflow's REST interface.
"""

import base64
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from components.errors import PlatformError
from components.platform.store_state import DATABASE_WAIT_S, database_path, wait_for_database

_TIMEOUT_S = 5.0


def absent_versions(tracking_uri: str, run_id: str, versions: Mapping[str, str]) -> list[str]:
    """What of a run and its model versions (version by name) MLflow does not hold any more.

    Raises:
        PlatformError: The server does not answer, or the database stays locked.
    """
    if tracking_uri.startswith(("http://", "https://")):
        return _absent_on_server(tracking_uri, run_id, versions)
    return _absent_in_database(tracking_uri, run_id, versions)


def _absent_in_database(uri: str, run_id: str, versions: Mapping[str, str]) -> list[str]:
    """Anything that cannot be read counts as absent: the flow then looks properly.

    Raises:
        PlatformError: Another process keeps the database locked.
    """
    path = database_path(uri)
    if path is not None:
        wait_for_database(path, seconds=DATABASE_WAIT_S)
    engine = create_engine(uri)
    try:
        with engine.connect() as connection:
            run = connection.execute(
                text("SELECT lifecycle_stage FROM runs WHERE run_uuid = :run"), {"run": run_id}
            ).scalar()
            absent = [] if run == "active" else [f"run {run_id}"]
            for name, version in versions.items():
                stage = connection.execute(
                    text(
                        "SELECT current_stage FROM model_versions "
                        "WHERE name = :name AND version = :version"
                    ),
                    {"name": name, "version": int(version)},
                ).scalar()
                if stage is None or stage == "Deleted_Internal":
                    absent.append(f"{name} version {version}")
            return absent
    except SQLAlchemyError:
        return [f"MLflow's store {engine.url.render_as_string(hide_password=True)}"]
    finally:
        engine.dispose()


def _absent_on_server(uri: str, run_id: str, versions: Mapping[str, str]) -> list[str]:
    absent = [] if _answers(uri, "runs/get", run_id=run_id) else [f"run {run_id}"]
    return absent + [
        f"{name} version {version}"
        for name, version in versions.items()
        if not _answers(uri, "model-versions/get", name=name, version=version)
    ]


def _answers(uri: str, call: str, **query: str) -> bool:
    url = f"{uri.rstrip('/')}/api/2.0/mlflow/{call}?{urllib.parse.urlencode(query)}"
    request = urllib.request.Request(url)  # noqa: S310  http(s) only, see absent_versions
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    if user:
        secret = f"{user}:{os.environ.get('MLFLOW_TRACKING_PASSWORD', '')}"
        request.add_header("Authorization", "Basic " + base64.b64encode(secret.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310  as above
            found = json.load(answer)
    except urllib.error.HTTPError as error:
        if error.code == 404:
            return False
        msg = f"MLflow at {uri} answered {error.code} to {call}; check the server and its log"
        raise PlatformError(msg) from None
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        msg = f"expected an MLflow server at {uri}: {getattr(error, 'reason', error)}"
        raise PlatformError(msg) from None
    run = found.get("run", {}).get("info", {})
    return bool(run.get("lifecycle_stage", "active") == "active")
