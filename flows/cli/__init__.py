"""The command line. Nothing heavy is imported before a command needs it."""

import sys

import typer
from pydantic import ValidationError

from components.errors import ArmwiseError
from flows.cli import demo, history, init, retrain, servers, split

_app = typer.Typer(
    name="armwise",
    help="Deep-learning radiomics survival studies, treatment arm by treatment arm.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_app.command("init")(init.init)
_app.command("split")(split.split)
_app.command("retrain")(retrain.retrain)
_app.command("validate")(retrain.validate)
_app.command("demo")(demo.demo)
_app.command("history")(history.history)
_app.command("rollback")(history.rollback)
_app.command("approve")(history.approve)
_app.command("ui")(servers.ui)
_app.command("serve")(servers.serve)


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
