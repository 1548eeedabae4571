"""What the platforms read from the environment; set before any of them is imported."""

import os

from flows.settings import Settings

_QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # slow machines need over a minute
    "RAY_USAGE_STATS_ENABLED": "0",
    "TQDM_DISABLE": "1",
}


def prepare_environment(settings: Settings) -> None:
    """Keeps the platforms' state under `home`, and keeps them from calling home.

    What the user has set stays as it is.
    """
    quiet_libraries()
    home = settings.home_path
    home.mkdir(
        mode=0o700, parents=True, exist_ok=True
    )  # others on the machine have no business here
    for name, value in place_of_prefect(settings).items():
        os.environ.setdefault(name, value)


def place_of_prefect(settings: Settings) -> dict[str, str]:
    """Where Prefect keeps its state and the steps' results, also in runs of a schedule."""
    home = settings.home_path
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_LOCAL_STORAGE_PATH": str(home / "results"),
        "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",  # persisted results hold no pickle
    }


def environment_of_runs(settings: Settings) -> dict[str, str]:
    """What a flow run gets from its deployment, whoever's worker starts it.

    The environment variables of the shell that deploys are not in it, so that no secret is kept by
    Prefect's server: settings of a study that has a schedule belong in its `armwise.toml`.
    """
    own = {name: value for name, value in _QUIET.items() if not name.startswith("PREFECT")}
    if settings.home != Settings.model_fields["home"].default:
        own["ARMWISE_HOME"] = str(settings.home_path)
    # Python looks for modules in the installed packages, not in the folder that it runs in.
    return {**own, **place_of_prefect(settings), "PYTHONSAFEPATH": "1"}


def quiet_libraries() -> None:
    """Keeps the platforms from calling home and from talking; nothing is made on disk."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
