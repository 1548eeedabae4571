"""Reading and cropping a patient beside the floor: inflating both phases to the ROI's last slice.

Run `python -m benchmarks.imaging`. A patient is two CT phases of 512 x 512 x 120 (int16, `.nii.gz`,
noise of 12 HU, without which they inflate several times faster than any CT) and a `.seg.nrrd` with
an ROI of 40 mm in the middle. Times are processor seconds of one thread, the best of some repeats;
floor and step are taken in turns. The floor is what SimpleITK itself needs to hand over one voxel
of the ROI's last slice: the same library's inflating and nothing else. The crop needs no slice
beyond the one after the ROI's largest, so a second, lower floor ends there. Python's zlib stands
beside them: SimpleITK brings zlib-ng, which inflates faster. Besides: what whole volumes cost, with
nibabel where it is installed, an uncompressed NIfTI, cores side by side (seconds of the clock: only
on a quiet machine), and whole cohorts.

The exit status is 1 where the lower floor's share of the step is below 0.70, or where a crop is
another than that of the whole volume.
"""

import argparse
import gzip
import multiprocessing
import sys
import tempfile
import time
import zlib
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses
from rich.console import Console
from rich.table import Table

from benchmarks.ct_patient import SIZE, Patient, draw_patient, one_thread
from components.imaging.readers import CtFile, read_roi
from components.imaging.volume import Volume
from components.study.protocol import ImagingSection
from flows.plan import own_protocol

SHARE_OF_FLOOR = 0.70
COHORTS = (409, 10_000)
TURNS = 2
_HEADER_BYTES, _VOXEL_BYTES, _CHUNK = 352, 2, 1 << 18


def main() -> int:
    """Prints the tables; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--patients-at-once", type=int, default=6)
    options = parser.parse_args()
    one_thread()
    section = own_protocol("sound").imaging
    with tempfile.TemporaryDirectory() as folder:
        patient = draw_patient(Path(folder))
        same = crop_is_that_of_the_whole(patient, section)
        share, step = beside_the_floor(patient, section, options.repeats)
        whole_volumes(patient, options.repeats)
        side_by_side(patient, section, options.patients_at_once)
    for n in COHORTS:
        print(f"{n:,} patients: {n * step:,.0f} processor seconds; again, from the cache: none")
    if not same:
        print("The crop is another than that of the whole volume.")
    return 0 if same and share >= SHARE_OF_FLOOR else 1


def crop_is_that_of_the_whole(patient: Patient, section: ImagingSection) -> bool:
    """Whether reading only a part of the volumes changes nothing."""
    part, around = patient.crop(section), CtFile.around

    def whole(ct: CtFile, _: np.ndarray) -> Volume:
        voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(ct.path)))
        return Volume(voxels, ct.geometry)

    CtFile.around = whole
    try:
        return bool(np.allclose(part, patient.crop(section), atol=1e-5))
    finally:
        CtFile.around = around


def beside_the_floor(
    patient: Patient, section: ImagingSection, repeats: int
) -> tuple[float, float]:
    """The lower floor's share of the step, and the step's seconds."""
    parts: dict[str, Callable[[], object]] = {
        "floor: SimpleITK to the ROI's last slice": lambda: [
            to_slice(path, patient.last_slice) for path in patient.phases
        ],
        "floor: SimpleITK to the crop's last slice": lambda: [
            to_slice(path, patient.last_cropped) for path in patient.phases
        ],
        "Python's zlib to the ROI's last slice": lambda: [
            inflate(path, patient.last_slice) for path in patient.phases
        ],
        "the whole step (crop_patient)": lambda: patient.crop(section),
        "of it the ROI (read_roi)": lambda: read_roi(patient.roi, patient_id="P1"),
    }
    seconds = {name: [] for name in parts}
    for _ in range(repeats):
        for name, part in parts.items():
            seconds[name].append(cost(part))
    floor, nearer, _, step, _ = (min(taken) for taken in seconds.values())
    each = list(seconds.values())
    paired = np.divide(each[0], each[3])
    table = Table(title="One patient, two phases, one thread")
    table.add_column("what")
    table.add_column("ms", justify="right")
    table.add_column("floor / it", justify="right")
    for name, taken in seconds.items():
        table.add_row(name, f"{1000 * min(taken):.0f}", f"{floor / min(taken):.2f}")
    console().print(table)
    print(
        f"floor / step: {floor / step:.2f} of the best times, {paired.min():.2f} to "
        f"{paired.max():.2f} in {repeats} turns; {nearer / step:.2f} where the floor ends with the "
        "crop"
    )
    return min(floor, nearer) / step, step


def to_slice(path: Path, number: int) -> object:
    """One voxel of a slice, by SimpleITK: all before it has to be inflated."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    reader.SetExtractIndex([0, 0, number])
    reader.SetExtractSize([1, 1, 1])
    return reader.Execute()


def inflate(path: Path, number: int) -> None:
    """The bytes up to the end of a slice, by Python's zlib."""
    needed = _HEADER_BYTES + SIZE[0] * SIZE[1] * _VOXEL_BYTES * (number + 1)
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
    with path.open("rb") as file:
        while needed > 0 and (chunk := file.read(_CHUNK)):
            needed -= len(stream.decompress(chunk))


def whole_volumes(patient: Patient, repeats: int) -> None:
    """What loading everything costs, before anything is cropped."""
    both = [str(path) for path in patient.phases]
    rivals: dict[str, Callable[[], object]] = {
        "SimpleITK, whole volumes": lambda: [sitk.ReadImage(path) for path in both]
    }
    try:
        import nibabel
    except ImportError:
        print("nibabel is not installed: left out")
    else:
        rivals["nibabel, whole volumes"] = lambda: [
            np.asarray(nibabel.load(path).dataobj) for path in both
        ]
    plain = uncompressed(patient)
    rivals["uncompressed NIfTI, one slice"] = lambda: [
        to_slice(path, patient.last_slice) for path in plain
    ]
    table = Table(title="What else two volumes cost (best processor time)")
    table.add_column("what")
    table.add_column("ms", justify="right")
    for name, rival in rivals.items():
        best = min(cost(rival) for _ in range(max(3, repeats // 3)))
        table.add_row(name, f"{1000 * best:.0f}")
    console().print(table)


def uncompressed(patient: Patient) -> list[Path]:
    """The same volumes as `.nii`, elsewhere: ITK would read them in place of the others."""
    folder = patient.roi.parent / "plain"
    folder.mkdir()
    made = []
    for path in patient.phases:
        plain = folder / path.stem
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        made.append(plain)
    return made


def side_by_side(patient: Patient, section: ImagingSection, n: int) -> None:
    """Seconds of the clock of one worker and of two, and what the machine gives at all."""
    crop, floor = partial(crop_once, patient, section), partial(floor_once, patient)
    table = Table(title=f"{n} patients, best of {TURNS} turns (seconds of the clock)")
    for name in ("what", "one", "two", "times as fast", "processor time by"):
        table.add_column(name, justify="left" if name == "what" else "right")
    with ExitStack() as opened:
        threads, others = (
            [opened.enter_context(pool_of(workers)) for workers in (1, 2)]
            for pool_of in (ThreadPoolExecutor, processes)
        )
        for name, pools, work in (
            ("threads, the whole step (as the flow crops)", threads, crop),
            ("processes, the whole step", others, crop),
            ("processes, the floor", others, floor),
        ):
            turns = [[busy(pool, work, n) for pool in pools] for _ in range(1 + TURNS)]
            # The first turn is left out: a new process has to import everything.
            (one, one_cpu), (two, two_cpu) = np.min(turns[1:], axis=0)
            figures = (one, two, one / two, two_cpu / one_cpu)
            table.add_row(name, *(f"{figure:.2f}" for figure in figures))
    console().print(table)


def busy(pool: Executor, work: Callable[[int], float], n: int) -> tuple[float, float]:
    """Seconds of the clock, and processor seconds, that workers take for n patients."""
    start = time.perf_counter()
    spent = sum(pool.map(work, range(n)))
    return time.perf_counter() - start, spent


def processes(workers: int) -> Executor:
    """Workers that share nothing."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=one_thread)


def crop_once(patient: Patient, section: ImagingSection, _: int) -> float:
    """Processor seconds of the step in this thread."""
    start = time.thread_time()
    patient.crop(section)
    return time.thread_time() - start


def floor_once(patient: Patient, _: int) -> float:
    """Processor seconds of the floor in this thread."""
    start = time.thread_time()
    for path in patient.phases:
        to_slice(path, patient.last_slice)
    return time.thread_time() - start


def cost(part: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    part()
    return time.process_time() - start


def console() -> Console:
    """A console wide enough for the tables."""
    return Console(width=100)


if __name__ == "__main__":
    sys.exit(main())
