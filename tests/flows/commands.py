"""Commands of the command line in this process, for tests that need many of them."""

from typer.testing import CliRunner

from components.errors import ArmwiseError
from flows.cli import _app


def command(study, *arguments):
    """What a command prints in a study; an error that it raises on purpose is raised here."""
    done = CliRunner().invoke(_app, [*arguments, "--study-dir", str(study)])
    if isinstance(done.exception, ArmwiseError):
        raise done.exception
    if done.exception is not None:
        raise AssertionError(done.output) from done.exception
    return " ".join(done.output.split())  # folded to a terminal's width, unfolded here
