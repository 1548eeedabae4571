"""`armwise import`: a hospital's folder of images and its sheet as the study's data."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from components.errors import UsageError
from components.study.vocabulary import TreatmentArm
from flows.cli.options import StudyDir, settings_of, table_console
from flows.environment import prepare_environment
from flows.terminal import STOPPED, RunDisplay

_SHOWN = 20

Corrections = Annotated[
    bool, typer.Option("--accept-corrections", help="Take over outcomes that go back.")
]


def import_(
    source: Annotated[Path, typer.Argument(help="The folder: images, ROIs and the sheet.")],
    mapping: Annotated[Path, typer.Option(help="The mapping (YAML).")],
    accept_corrections: Corrections = False,  # noqa: FBT002  an option of the command line
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that read images. Default: all cores.")
    ] = None,
    study_dir: StudyDir = None,
) -> None:
    """Takes a hospital's folder into data/, de-identified; a bad patient is set aside and named.

    Typed again it goes on where it stopped, reads only what has changed, and lets newcomers join.
    """
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    if not (settings.study_path / ".dvc").is_dir():
        msg = (
            f"expected a study in {settings.study_path}, found none; `armwise init DIR` lays one "
            "out, --study-dir names one elsewhere"
        )
        raise UsageError(msg)
    if settings.study_key is None:
        msg = (
            "expected the study's key in ARMWISE_STUDY_KEY, found none; make one, once, and keep "
            'it where patients\' names are kept: export ARMWISE_STUDY_KEY="$(openssl rand -hex 32)"'
        )
        raise UsageError(msg)

    from components.intake.importing import ImportRequest, import_cohort, require_any
    from components.intake.mapping import read_mapping
    from components.platform.withdrawal_ledger import require_finished, withdrawn

    require_finished(settings.home_path)
    study_key = settings.study_key.get_secret_value()
    request = ImportRequest(
        source=source,
        mapping=read_mapping(mapping),
        data=settings.data_path,
        home=settings.home_path,
        study_key=study_key,
        workers=workers or settings.workers,
        accept_corrections=accept_corrections,
        is_withdrawn=withdrawn(settings.home_path, study_key=study_key),
    )
    console = table_console()
    try:
        with RunDisplay(console) as display, display.step("Import") as progress:
            result = require_any(
                import_cohort(
                    request,
                    on_progress=lambda done, total: progress.update(done, total, "patients"),
                )
            )
            progress.note = f"{result.n_read} patients read, {result.n_known} as before"
    except KeyboardInterrupt:
        console.print("Stopped. What is read is kept: the same command goes on where it stopped.")
        raise typer.Exit(STOPPED) from None
    _tell(console, result, settings.data_path)


def _tell(console: Console, result: Any, data: Path) -> None:
    table = Table("Arm", "In the sheet", "Usable", title=None)
    for arm in TreatmentArm:
        if n := result.n_rows.get(arm.value):
            table.add_row(arm.label, str(n), str(result.n_usable_by_arm.get(arm.value, 0)))
    console.print(table)
    _tell_aside(console, result)
    for said in result.findings.adaptations:
        console.print(f"  {said.done} ({said.why})", markup=False)
    for note in result.findings.notes[:_SHOWN]:
        console.print(f"  {note}", markup=False)
    changed = Counter(one.what for one in result.changes)
    if changed:
        listed = ", ".join(f"{n} {_CHANGES[what]}" for what, n in changed.items())
        console.print(f"Changed: {listed}; who and what: {data / 'changes.jsonl'}", markup=False)
    console.print(f"Everything that was found: {data / 'intake.json'}", markup=False)
    console.print(f"Next: {_next(result)}", markup=False)


_CHANGES = {
    "joined": "patients joined",
    "outcome": "outcomes refreshed",
    "clinical": "rows corrected",
    "images": "patients' images read anew",
}


def _tell_aside(console: Console, result: Any) -> None:
    aside = result.findings.quarantined
    if not aside:
        console.print("No patient was set aside.")
        return
    table = Table("Patient", "Set aside because", title=f"{len(aside)} set aside")
    for one in aside[:_SHOWN]:
        table.add_row(one.patient_id, one.reason)
    console.print(table)
    if len(aside) > _SHOWN:
        console.print(f"  and {len(aside) - _SHOWN} more")


def _next(result: Any) -> str:
    if not result.has_images:
        return "the mapping names no images; add `images`, or use `armwise fit-arms`"
    first = "" if result.has_split else "armwise split, then "
    return f"{first}armwise validate"
