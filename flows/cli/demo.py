"""`armwise demo`: the synthetic demo cohort as a study of its own."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from components.errors import UsageError
from flows.environment import prepare_environment
from flows.settings import Settings
from flows.terminal import RunDisplay


def demo(
    folder: Annotated[Path, typer.Argument(help="A new folder for the study.")],
    hepatectomy: Annotated[int, typer.Option(min=12, help="Patients of this arm.")] = 278,
    tace: Annotated[int, typer.Option(min=12, help="Patients of this arm.")] = 131,
    seed: Annotated[int, typer.Option(min=0, help="The cohort's seed.")] = 20260126,
) -> None:
    """Makes a synthetic cohort with CT phantoms in a new folder, versioned with DVC."""
    if folder.exists() and any(folder.iterdir()):
        msg = f"expected a new or empty folder, {folder} holds files"
        raise UsageError(msg)
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(study_dir=folder)
    prepare_environment(settings)

    from components.intake.demo import DEMO_SIZES, write_demo
    from components.platform.data_version import init_study
    from components.study.vocabulary import TreatmentArm
    from flows.tasks.data import demo_split

    sizes = {TreatmentArm.HEPATECTOMY: hepatectomy, TreatmentArm.TACE: tace}
    split = demo_split()
    if sizes != DEMO_SIZES:
        split = split.model_copy(update={"test_patients": None})
    console = Console(highlight=False)
    with RunDisplay(console) as display, display.step("Synthetic cohort") as progress:
        write_demo(
            settings.data_path,
            seed=seed,
            n_by_arm=sizes,
            split=split,
            workers=settings.cpus or 2,
            on_progress=lambda done, total: progress.update(done, total, "patients"),
        )
    version = init_study(settings.study_path, remote=settings.home_path / "dvc-remote")
    console.print(
        f"Synthetic patients in {settings.data_path}, data version {version.md5 if version else ''}"
    )
    console.print(f"Next: cd {folder} && armwise retrain --protocol smoke", markup=False)
