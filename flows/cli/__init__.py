"""The command line. Nothing heavy is imported before a command needs it."""

import sys

import typer
from pydantic import ValidationError

from components.errors import ArmwiseError
from flows.cli import (
    columns,
    data,
    demo,
    doctor,
    export,
    feasibility,
    fit_arms,
    history,
    import_,
    init,
    prune,
    retrain,
    rois,
    runs,
    scan,
    schedule,
    schedule_servers,
    score_model,
    servers,
    split,
    update_model,
    withdraw,
)

_app = typer.Typer(
    name="armwise",
    help="Deep-learning radiomics survival studies, treatment arm by treatment arm.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_app.command("init")(init.init)
_app.command("import")(import_.import_)
_app.command("split")(split.split)
_app.command("doctor")(doctor.doctor)
_app.command("prune")(prune.prune)
_app.command("retrain")(retrain.retrain)
_app.command("columns")(columns.columns)
_app.command("feasibility")(feasibility.feasibility)
_app.command("fit-arms")(fit_arms.fit_arms)
_app.command("export")(export.export)
_app.command("score-model")(score_model.score_model)
_app.command("update-model")(update_model.update_model)
_app.command("validate")(retrain.validate)
_app.command("demo")(demo.demo)
_app.command("runs")(runs.runs)
_app.command("scan")(scan.scan)
_app.command("compare")(runs.compare)
_app.command("history")(history.history)
_app.command("rollback")(history.rollback)
_app.command("approve")(history.approve)
_app.command("deploy")(schedule.deploy)
_app.command("ui")(servers.ui)
_app.command("serve")(servers.serve)
_app.command("withdraw")(withdraw.withdraw)

_data = typer.Typer(help="Versions of the study's data.", no_args_is_help=True)
_data.command("status")(data.status)
_data.command("add")(data.add)
_data.command("push")(data.push)
_data.command("pull")(data.pull)
_data.command("diff")(data.diff)
_data.command("history")(data.history)
_app.add_typer(_data, name="data")

_rois = typer.Typer(help="ROIs to and from 3D Slicer.", no_args_is_help=True)
_rois.command("out")(rois.out)
_rois.command("in")(rois.in_)
_app.add_typer(_rois, name="rois")

_schedule = typer.Typer(help="Retraining by the clock, on a local Prefect server.")
_schedule.callback(invoke_without_command=True)(schedule.overview)
_schedule.command("start")(schedule_servers.start)
_schedule.command("server")(schedule_servers.server)
_schedule.command("worker")(schedule_servers.worker)
_schedule.command("pause")(schedule.pause)
_schedule.command("resume")(schedule.resume)
_schedule.command("run")(schedule.run)
_app.add_typer(_schedule, name="schedule")


def main() -> None:
    """Runs the command; an error that was raised on purpose is one message and an exit code."""
    try:
        _app()
    except ArmwiseError as error:
        sys.stderr.write(f"armwise: {error}\n")
        sys.exit(error.exit_code)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()
        )
        sys.stderr.write(f"armwise: a setting cannot be meant: {faults}\n")
        sys.exit(2)
