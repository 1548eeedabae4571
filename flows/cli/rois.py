"""`armwise rois out` and `armwise rois in`: ROIs to correct in 3D Slicer, and back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from components.errors import DataError, PlatformError, UsageError
from flows.alone import alone
from flows.cli.options import StudyDir, settings_of, table_console
from flows.environment import prepare_environment
from flows.settings import Settings

if TYPE_CHECKING:
    from components.cohort.dataset import Dataset
    from components.intake.worklist import RoiReturn

Folder = Annotated[Path, typer.Argument(help="The worklist's folder, outside data/.")]
Patients = Annotated[
    list[str] | None,
    typer.Option("--patients", help="Pseudonyms, with commas or repeated. Default: who needs it."),
]
_SHOWN = 5


def out(folder: Folder, patients: Patients = None, study_dir: StudyDir = None) -> None:
    """Writes a folder for each patient whose ROI needs a look: CT, ROI, readers' ROIs.

    Without --patients: those set aside for their ROI by the last import or validation and those
    whose readers disagree; if there are none, everybody.
    """
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)

    from components.cohort.dataset import Dataset
    from components.intake.worklist import WORKLIST, send_out

    dataset = Dataset(settings.data_path)
    reasons = _reasons(dataset, settings, patients)
    if not reasons:
        msg = "expected patients with images in data/, found none; `armwise import` brings them"
        raise DataError(msg)
    sent = send_out(dataset, folder, reasons)
    console = table_console()
    console.print(f"{len(sent)} patients in {folder / WORKLIST}", markup=False)
    left = sorted(set(reasons) - set(sent))
    if left:
        more = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        console.print(
            f"{len(left)} have no images in data/ ({', '.join(left[:_SHOWN])}{more}): correct "
            "their ROI at its source and import again",
            markup=False,
        )
    console.print(
        "Correct each roi.seg.nrrd in 3D Slicer and save it in place, then: "
        f"armwise rois in {folder}",
        markup=False,
    )


def _reasons(
    dataset: "Dataset", settings: Settings, patients: Sequence[str] | None
) -> dict[str, str]:
    from components.intake.worklist import EVERYBODY, needing_correction, patients_with_images
    from flows.last_quarantine import last_quarantined

    known = patients_with_images(dataset)
    if patients:
        named = [one.strip() for text in patients for one in text.split(",") if one.strip()]
        unknown = sorted(set(named) - set(known))
        if unknown:
            msg = f"expected pseudonyms of patients with images, came also {', '.join(unknown)}"
            raise UsageError(msg)
        return dict.fromkeys(named, "named")
    aside = (*dataset.intake().quarantined, *last_quarantined(settings.home_path))
    return needing_correction(dataset, aside) or dict.fromkeys(known, EVERYBODY)


def in_(folder: Folder, study_dir: StudyDir = None) -> None:
    """Takes corrected ROIs over into data/, and says of each patient what changed."""
    settings = settings_of(study_dir=study_dir)
    prepare_environment(settings)
    with alone(settings.home_path, say=_refuse):
        from components.cohort.dataset import Dataset
        from components.intake.worklist import take_back

        returns = take_back(Dataset(settings.data_path), folder)
    console = table_console()
    console.print(_table(returns))
    for one in returns:
        if one.reason is not None:
            console.print(f"  refused  {one.patient_id}: {one.reason}", markup=False)
    n_taken = sum(one.outcome == "taken over" for one in returns)
    console.print(f"{n_taken} of {len(returns)} ROIs taken over.", markup=False)
    if any(one.reason is not None for one in returns):
        raise typer.Exit(DataError.exit_code)


def _refuse(said: str) -> None:
    msg = f"{said.split(';')[0]}; nothing is changed beside it: run `armwise rois in` afterwards"
    raise PlatformError(msg)


def _table(returns: "Sequence[RoiReturn]") -> Table:
    table = Table("Patient", "ROI", "Lesions", "Before, ml", "After, ml", "Dice", box=None)
    for one in returns:
        figures = (one.n_lesions, one.volume_before_ml, one.volume_after_ml, one.dice)
        table.add_row(one.patient_id, one.outcome, *(_shown(value) for value in figures))
    return table


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:.2f}"
