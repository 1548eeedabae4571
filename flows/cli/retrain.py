"""`armwise retrain` and `armwise validate`."""

import os
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console

from components.platform.data_version import require_data
from components.study.protocol import read_protocol
from flows.cli.options import Fresh, ProtocolName, StudyDir, settings_of
from flows.cli.running import run_flow, understood
from flows.environment import prepare_environment
from flows.leftovers import take_over
from flows.settings import Settings
from flows.terminal import RunDisplay, log_to_file_only, quiet_streams


def retrain(
    protocol: ProtocolName = None,
    study_dir: StudyDir = None,
    fresh: Fresh = False,  # noqa: FBT002  typer reads a flag from this
) -> None:
    """The whole job: data, validation, backbones, signature, models, nomograms, registry, report.

    Run again with nothing changed, it says so and repeats nothing; cut off, it goes on where it
    stopped.
    """
    start = time.monotonic()
    settings = settings_of(protocol=protocol, study_dir=study_dir)
    prepare_environment(settings)
    console = Console(highlight=False)
    chosen = read_protocol(settings.protocol_path)
    require_data(settings.study_path)
    if fresh:
        console.print("--fresh: every step is computed again, whatever is known")
        _run(settings, console, fresh=True)
        return

    from flows.unchanged import finished_retraining

    record, vanished = finished_retraining(settings, chosen)
    if record is not None and not vanished:
        console.print(str(record.facts["summary"]), markup=False, soft_wrap=True)
        console.print(f"{record.unchanged} ({time.monotonic() - start:.1f} s)")
        return
    if vanished:
        console.print(f"Something of the last retraining has vanished: {vanished[0]}")
    _run(settings, console, fresh=False)


def _run(settings: Settings, console: Console, *, fresh: bool) -> None:
    def load() -> Callable[[], dict[str, Any]]:
        from flows.retrain import retrain as flow

        return lambda: flow(settings.protocol, str(settings.study_path), fresh)

    run_flow("retrain", settings, console, load)


def validate(protocol: ProtocolName = None, study_dir: StudyDir = None) -> None:
    """Data version, validation gate and crops alone: who would be quarantined, and why.

    It also says what is warned of, and what could not be judged.
    """
    settings = settings_of(protocol=protocol, study_dir=study_dir)
    prepare_environment(settings)
    require_data(settings.study_path)
    console = Console(highlight=False)
    log = settings.home_path / "logs" / f"validate-{os.getpid()}.log"
    with understood(settings), quiet_streams(log) as terminal:
        log_to_file_only()
        take_over(settings.home_path)
        with RunDisplay(terminal):
            from flows.validate import validate as flow

            report = flow(settings.protocol, str(settings.study_path))
    for entry in report["quarantined"]:
        console.print(f"  quarantined  {entry['patient_id']}: {entry['reason']}", markup=False)
    for note in report["notes"]:
        console.print(f"  {note}", markup=False)
    console.print(
        f"{len(report['quarantined'])} patients quarantined. Data Docs: {report['docs']}",
        markup=False,
    )
