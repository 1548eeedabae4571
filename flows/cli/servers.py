"""`armwise ui` and `armwise serve`: MLflow's own servers on the study's store, on loopback."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.options import StudyDir, require_store, settings_of
from flows.environment import prepare_environment

_EXPERIMENTS = "/#/experiments?workflowType=machine_learning"
"""MLflow's pages of training runs; those of language models are its first."""

Port = Annotated[int | None, typer.Option("--port", min=1, max=65535, help="Port to listen on.")]


def ui(port: Port = None, study_dir: StudyDir = None) -> None:
    """Opens the MLflow UI on the embedded store."""
    settings = settings_of(port=port, study_dir=study_dir)
    prepare_environment(settings)
    require_store(settings)
    address = f"http://{settings.host}:{settings.port}"
    Console(highlight=False).print(
        f"MLflow UI at {address}{_EXPERIMENTS} (stop it with Ctrl+C)", markup=False
    )
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"
    _become_mlflow(
        "ui", "--backend-store-uri", settings.mlflow_uri,
        "--default-artifact-root", str(settings.local_artifacts or ""),
        "--host", settings.host, "--port", str(settings.port), "--workers", "1",
    )  # fmt: skip


def serve(
    model: Annotated[
        str | None,
        typer.Argument(help="models:/NAME/VERSION. Default: the champion, else the newest."),
    ] = None,
    port: Port = None,
    study_dir: StudyDir = None,
) -> None:
    """Serves a registered model over HTTP: the champion recommender unless another is named."""
    settings = settings_of(serving_port=port, study_dir=study_dir)
    prepare_environment(settings)
    require_store(settings)
    console = Console(highlight=False)
    if model is None:
        from components.platform.recommenders import recommender_to_serve
        from components.platform.tracking import Tracking
        from components.study.protocol import read_protocol

        study = read_protocol(settings.protocol_path).study.study_id
        tracking = Tracking(settings.mlflow_uri, study, artifact_root=settings.local_artifacts)
        model, why = recommender_to_serve(tracking)
        console.print(why, markup=False)
    console.print(
        f"{model} at http://{settings.host}:{settings.serving_port}/invocations (stop: Ctrl+C)",
        markup=False,
    )
    for place in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):  # a study's models are its store's
        os.environ[place] = settings.mlflow_uri
    _become_mlflow(
        "models", "serve", "--model-uri", model, "--env-manager", "local",
        "--host", settings.host, "--port", str(settings.serving_port), "--workers", "1",
    )  # fmt: skip


def _become_mlflow(*arguments: str) -> None:
    """Replaces this process, so that signals reach MLflow itself."""
    program = Path(sys.executable).with_name("mlflow")
    # MLflow starts its web server by name: it has to find that of this environment.
    os.environ["PATH"] = os.pathsep.join([str(program.parent), os.environ.get("PATH", "")])
    os.execv(program, [str(program), *arguments])  # noqa: S606  our own environment's MLflow
