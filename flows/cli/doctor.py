"""`armwise doctor`: what is missing or too small, before a run finds out."""

import typer
from rich.console import Console

from flows.cli.options import ProtocolName, StudyDir, settings_of
from flows.environment import quiet_libraries

_MARKS = {
    "ok": "[green]ok[/green]     ",
    "warning": "[yellow]warning[/yellow]",
    "missing": "[red]missing[/red]",
}
_MISSING = 4


def doctor(protocol: ProtocolName = None, study_dir: StudyDir = None) -> None:
    """Looks at everything that a run needs; exit code 4 where it cannot do without something."""
    settings = settings_of(protocol=protocol, study_dir=study_dir)
    quiet_libraries()

    from flows.doctor.examination import examine

    console = Console(highlight=False, soft_wrap=True)
    counts = dict.fromkeys(_MARKS, 0)
    for finding in examine(settings):
        counts[finding.status] += 1
        console.print(f"{_MARKS[finding.status]}  {finding.name:<20}  ", end="")
        said = finding.found
        if finding.status != "ok":
            said += f" (expected {finding.expected}); {finding.advice}"
        console.print(said, markup=False)
    console.print(f"{counts['missing']} missing, {counts['warning']} warnings, {counts['ok']} ok.")
    if counts["missing"]:
        raise typer.Exit(_MISSING)
