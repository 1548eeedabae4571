"""Hand-crafted features of many patients, each computed once for his images and settings."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from components.cohort.dataset import Dataset
from components.errors import PatientRejected, PlatformError
from components.study.files import written_whole
from components.study.protocol import RadiomicsSection, StabilitySection
from components.study.randomness import step_seed
from components.study.results import ArtifactRef, Quarantined
from components.study.vocabulary import Phase
from flows.keys import digest, source_hash

_OF_FEATURES = ("resampling_mm", "bin_width_hu", "hu_range", "families", "minimum_voxels")
"""What of the section `radiomics` a feature hangs on."""

_OF_ROIS = ("perturbations", "shift_mm", "volume_change", "contour_mm")
"""What of `radiomics.stability` a perturbed ROI hangs on."""

_PATIENTS_WORTH_A_PROCESS = 8
"""Starting a process and importing MIRP takes as long as a few patients."""

Features = dict[str, float]
Outcome = list[Features] | Quarantined


@dataclass(frozen=True)
class RadiomicsCache:
    """Where the features of patients are kept, and what they are computed from.

    `file_md5s` are those of the data version by path under the dataset.
    """

    dataset: Dataset
    file_md5s: Mapping[str, str]
    folder: Path
    section: RadiomicsSection
    workers: int

    def drawn(
        self, patients: Sequence[str], *, on_done: Callable[[int], None]
    ) -> dict[str, Outcome]:
        """The features of each patient's ROI as it was drawn: a list of one."""
        return self._all([self._task(one, None, 0) for one in patients], on_done)

    def perturbed(
        self,
        patients: Sequence[str],
        stability: StabilitySection,
        seed: int,
        *,
        on_done: Callable[[int], None],
    ) -> dict[str, Outcome]:
        """The features of each patient's perturbed ROIs, as the study's seed draws them."""
        return self._all([self._task(one, stability, seed) for one in patients], on_done)

    def files(
        self, patients: Sequence[str], stability: StabilitySection | None = None, seed: int = 0
    ) -> dict[str, ArtifactRef]:
        """The file that holds a patient's features, of those who have some."""
        tasks = [self._task(one, stability, seed) for one in patients]
        return {task.patient_id: ArtifactRef.of(task.path) for task in tasks if task.path.is_file()}

    def settings_hash(self) -> str:
        """The hash of the settings that features hang on, of the code and of MIRP's version."""
        settings = self.section.model_dump(mode="json", include=set(_OF_FEATURES))
        return digest(settings, source_hash("components.imaging.radiomics"), version("mirp"))

    def _task(self, patient_id: str, stability: StabilitySection | None, seed: int) -> "_Task":
        arterial, portal_venous = (self.dataset.image_path(patient_id, phase) for phase in Phase)
        files = (arterial, portal_venous, self.dataset.roi_path(patient_id))
        md5s = [self.file_md5s.get(str(path.relative_to(self.dataset.root))) for path in files]
        rois = None
        seeds: list[np.random.SeedSequence] = []
        if stability is not None:
            rois = [seed, patient_id, stability.model_dump(mode="json", include=set(_OF_ROIS))]
            names = [f"radiomics ROI {patient_id} {n}" for n in range(stability.perturbations)]
            seeds = [step_seed(seed, name) for name in names]
        content = digest(md5s, self.settings_hash(), rois)
        path = self.folder / content[:2] / f"{content}.json"
        return _Task(patient_id, *files, self.section, stability, tuple(seeds), path)

    def _all(self, tasks: Sequence["_Task"], on_done: Callable[[int], None]) -> dict[str, Outcome]:
        waiting = [task for task in tasks if not task.path.is_file()]
        known = len(tasks) - len(waiting)
        refused: dict[str, Quarantined] = {}
        with _workers(self.workers, len(waiting)) as run:
            for done, answer in enumerate(run(_compute, waiting), start=1):
                if answer is not None:
                    refused[answer.patient_id] = answer
                on_done(known + done)
        return {task.patient_id: refused.get(task.patient_id) or _read(task.path) for task in tasks}


@dataclass(frozen=True)
class _Task:
    patient_id: str
    arterial: Path
    portal_venous: Path
    roi: Path
    section: RadiomicsSection
    stability: StabilitySection | None
    seeds: tuple[np.random.SeedSequence, ...]
    path: Path


def _compute(task: _Task) -> Quarantined | None:
    """Writes a patient's features; who he is and why, where that cannot be done."""
    # Here, since importing MIRP takes seconds that a run without radiomics need not wait.
    from components.imaging.radiomics import patient_features

    try:
        found = patient_features(
            task.patient_id,
            task.arterial,
            task.portal_venous,
            task.roi,
            task.section,
            stability=task.stability,
            seeds=task.seeds,
        )
    except PatientRejected as error:
        return Quarantined(
            patient_id=task.patient_id, reason=error.reason, found_by="hand-crafted radiomics"
        )
    content = [
        {name: value if math.isfinite(value) else None for name, value in one.items()}
        for one in found
    ]
    task.path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(task.path) as partial:
        partial.write_text(json.dumps(content, allow_nan=False), encoding="utf-8")
    return None


def _read(path: Path) -> list[Features]:
    content = json.loads(path.read_text(encoding="utf-8"))
    return [
        {name: math.nan if value is None else value for name, value in one.items()}
        for one in content
    ]


@contextmanager
def _workers(workers: int, n_tasks: int) -> Iterator[Callable[..., Iterator[Quarantined | None]]]:
    """A map over this machine's cores; the process at hand where that is not worth while."""
    if workers == 1 or n_tasks < _PATIENTS_WORTH_A_PROCESS:
        yield map
        return
    # Started afresh: this process has threads of its own, which a fork would not survive.
    with ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=threadpool_limits,
        initargs=(1,),
    ) as pool:
        try:
            yield pool.map
        except BrokenProcessPool:
            msg = (
                "a process that computes radiomics was killed, perhaps for memory; start again "
                "(what is computed is kept), with fewer imaging.workers"
            )
            raise PlatformError(msg) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
