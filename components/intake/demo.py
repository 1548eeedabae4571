"""The demo dataset on disk: clinical table, split, CT phantoms and their manifest.

The same seed gives the same bytes, whatever the number of workers: floats become whole numbers or
fixed decimals before they are written, and no file holds a time or a name of a machine.
"""

import logging
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from components.cohort.dataset import Dataset, DatasetCard, write_table
from components.cohort.schema import MANIFEST_COLUMNS, PREDICTORS
from components.cohort.splitting import first_split
from components.errors import UsageError
from components.intake.demo_clinical import DemoCohort, make_cohort
from components.intake.demo_marginals import DEMO_SEED, DEMO_SIZES
from components.intake.phantom import Phantom, PhantomPatient, draw_phantom
from components.intake.phantom_files import write_phantom
from components.intake.phantom_lesion import Signs
from components.study.protocol import SplitSection
from components.study.randomness import step_seed
from components.study.vocabulary import DataOrigin, Phase, TreatmentArm

__all__ = ["DEMO_SEED", "DEMO_SIZES", "write_demo"]

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
ManifestRow = dict[str, str | float | int]

_DECIMALS = 3


@dataclass(frozen=True)
class _Task:
    root: Path
    seed: int
    patient_id: str
    patient: PhantomPatient
    days_ct_to_treatment: int


def write_demo(
    root: Path,
    *,
    seed: int,
    n_by_arm: Mapping[TreatmentArm, int],
    split: SplitSection,
    workers: int,
    on_progress: Progress | None = None,
) -> None:
    """Write a synthetic dataset into a new folder.

    Everything is written beside `root` first: a folder of that name is a whole dataset.

    Args:
        root: The dataset's folder; it must not exist or be empty.
        seed: The same seed gives the same bytes.
        n_by_arm: Patients by arm.
        split: Size of the test set.
        workers: Processes that draw phantoms; 1 draws them in this one.
        on_progress: Called with the phantoms written and their total.

    Raises:
        UsageError: There is something in `root`.
    """
    if root.exists() and any(root.iterdir()):
        msg = f"expected no files in {root}, found some; move them away to make the demo there"
        raise UsageError(msg)
    partial = root.with_name(f"{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    cohort = make_cohort(seed=seed, n_by_arm=n_by_arm)
    dataset = Dataset(partial)
    rows = _write_images(_tasks(cohort, partial, seed), workers, on_progress)
    write_table(cohort.clinical.reset_index(), dataset.clinical_path)
    write_table(pd.DataFrame(rows, columns=list(MANIFEST_COLUMNS)), dataset.manifest_path)
    parts = first_split(cohort.clinical, section=split, seed=seed).rename("split")
    write_table(parts.rename_axis("patient_id").reset_index(), dataset.split_path)
    dataset.card_path.write_text(_card(seed, n_by_arm).to_json() + "\n", encoding="utf-8")
    if root.exists():
        root.rmdir()
    partial.rename(root)
    logger.info("wrote the demo dataset of %d patients", len(rows))


def _tasks(cohort: DemoCohort, root: Path, seed: int) -> list[_Task]:
    rows = zip(cohort.clinical.itertuples(), cohort.signs.to_dict("records"), strict=True)
    return [
        _Task(
            root=root,
            seed=seed,
            patient_id=str(row.Index),
            patient=PhantomPatient(
                diameter_mm=10.0 * row.tumor_diameter_cm,
                location=row.tumor_location,
                is_cirrhotic=row.cirrhosis == "present",
                signs=Signs(**signs),
            ),
            days_ct_to_treatment=row.days_ct_to_treatment,
        )
        for row, signs in rows
    ]


def _write_images(
    tasks: list[_Task], workers: int, on_progress: Progress | None
) -> list[ManifestRow]:
    rows: list[ManifestRow] = []
    for row in _done(tasks, workers):
        rows.append(row)
        if on_progress is not None:
            on_progress(len(rows), len(tasks))
    return sorted(rows, key=lambda row: str(row["patient_id"]))


def _done(tasks: list[_Task], workers: int) -> Iterator[ManifestRow]:
    """Manifest rows as their phantoms get written, in any order."""
    if workers == 1:
        yield from map(_write_patient, tasks)
        return
    # A forked child of a process that runs threads can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        for future in as_completed([pool.submit(_write_patient, task) for task in tasks]):
            yield future.result()


def _write_patient(task: _Task) -> ManifestRow:
    rng = np.random.default_rng(step_seed(task.seed, f"demo/phantom/{task.patient_id}"))
    phantom = draw_phantom(task.patient, rng=rng)
    dataset = Dataset(task.root)
    roi_path = dataset.roi_path(task.patient_id)
    roi_path.parent.mkdir(parents=True)
    write_phantom(
        phantom,
        arterial=dataset.image_path(task.patient_id, Phase.ARTERIAL),
        portal_venous=dataset.image_path(task.patient_id, Phase.PORTAL_VENOUS),
        roi=roi_path,
    )
    return _manifest_row(task, phantom)


def _manifest_row(task: _Task, phantom: Phantom) -> ManifestRow:
    inside = phantom.roi == 1
    n_voxels = int(inside.sum())
    voxel_ml = float(np.prod(phantom.spacing_mm)) / 1000.0
    return {
        "patient_id": task.patient_id,
        "scanner": phantom.scanner.name,
        "spacing_x_mm": phantom.spacing_mm[0],
        "spacing_y_mm": phantom.spacing_mm[1],
        "spacing_z_mm": phantom.spacing_mm[2],
        "roi_volume_ml": round(n_voxels * voxel_ml, _DECIMALS),
        "roi_voxels": n_voxels,
        "arterial_mean_hu_in_roi": round(float(phantom.arterial[inside].mean()), _DECIMALS),
        "portal_venous_mean_hu_in_roi": round(
            float(phantom.portal_venous[inside].mean()), _DECIMALS
        ),
        "days_ct_to_treatment": task.days_ct_to_treatment,
    }


def _card(seed: int, n_by_arm: Mapping[TreatmentArm, int]) -> DatasetCard:
    units = {name: variable.unit for name, variable in PREDICTORS.items() if variable.unit}
    return DatasetCard(
        name="armwise demo cohort",
        origin=DataOrigin.SYNTHETIC,
        arms=tuple(n_by_arm),
        units={**units, "os_days": "days", "days_ct_to_treatment": "days"},
        description=(
            "Synthetic patients with hepatocellular carcinoma, drawn from known hazards, and CT "
            "phantoms of two contrast phases: nine slices of 5 mm around each tumor. "
            "No patient stands behind any row or image."
        ),
        seed=seed,
    )
