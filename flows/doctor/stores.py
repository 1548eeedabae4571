"""The stores: DVC's workspace and remote, MLflow, the journal."""

from collections.abc import Iterator

from components.errors import ArmwiseError
from components.platform.data_remote import probe_remote
from components.platform.journal import is_clear
from components.platform.store_state import store_state
from flows.doctor.finding import Finding, Status, judged
from flows.settings import Settings


def examine_stores(settings: Settings) -> Iterator[Finding]:
    """Everything that a run writes to."""
    yield _remote(settings)
    yield _mlflow(settings)
    clear = is_clear(settings.home_path)
    yield judged(
        "journal", "ok" if clear else "warning", expected="nothing half done",
        found="clear" if clear else "a registration or promotion was cut short, or is under way",
        advice="the next `armwise retrain` finishes or undoes it",
    )  # fmt: skip


def _remote(settings: Settings) -> Finding:
    expected = "reachable, writable, verified"
    if not (settings.study_path / ".dvc").is_dir():
        return judged(
            "DVC remote", "missing", expected=expected, found=f"no .dvc in {settings.study_path}",
            advice="lay out a study with `armwise init DIR`, or name it with --study-dir",
        )  # fmt: skip
    try:
        remote = probe_remote(settings.study_path, home=settings.home_path)
    except ArmwiseError as error:
        return judged(
            "DVC remote", "missing", expected=expected, found=str(error),
            advice="mount or start it, or correct .dvc/config",
        )  # fmt: skip
    if not remote.is_verified:
        return judged(
            "DVC remote", "warning", expected=expected, found=f"{remote.url} without verify",
            advice=f"dvc remote modify {remote.name} verify true: a damaged object counts as whole",
        )  # fmt: skip
    return judged("DVC remote", "ok", expected=expected, found=remote.url)


_MLFLOW_ADVICE = {
    "locked": "end what holds it; a run waits 10 s and then stops",
    "broken": "make the file and its folder writable, or restore it from a backup",
    "older": "back it up, then `mlflow db upgrade` on it",
    "newer": "a newer MLflow has used it: install the locked versions again",
    "unreachable": "start the server, or correct ARMWISE_TRACKING_URI",
}


def _mlflow(settings: Settings) -> Finding:
    found = store_state(settings.mlflow_uri)
    status: Status = "ok" if found.state in {"usable", "new"} else "missing"
    return judged(
        "MLflow store", status, expected="reachable, writable, MLflow's own schema",
        found=found.said if status == "ok" else f"{found.state}: {found.said}",
        advice=_MLFLOW_ADVICE.get(found.state, ""),
    )  # fmt: skip
