"""What importing a patient's images costs, and which part of it is inflating and deflating.

Run `python -m benchmarks.image_import`. The patient is that of `benchmarks.imaging`, as `.nii.gz`
and `.seg.nrrd`; everything that `armwise import` does with his images is done. Times are processor
seconds of one thread, the best of some repeats; the peak of memory is that of a process of its own.

The exit status is 1 where importing twice gives other bytes, or where the import needs more memory
beyond its libraries than `MOST_MIB`.
"""

import argparse
import hashlib
import multiprocessing
import re
import sys
import tempfile
import zlib
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import process_time

from rich.console import Console
from rich.table import Table

from benchmarks.ct_patient import Patient, draw_patient, one_thread
from components.errors import ArmwiseError
from components.imaging.ct_files import read_ct, write_ct
from components.imaging.quality import image_figures
from components.imaging.segmentation import read_segments
from components.imaging.volume import Volume
from components.intake.image_import import ImageJob, ImportedImages, import_images
from components.intake.mapping_images import ImageSource
from components.intake.source_files import PatientFiles
from components.study.vocabulary import Phase

COHORTS = (409, 10_000)
MOST_MIB = 400
"""Of the peak; the two volumes alone take 120 MiB."""


def main() -> int:
    """Prints the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    one_thread()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        patient = draw_patient(folder)
        imports = [measured(patient, folder / str(number)) for number in range(options.repeats)]
        parts = parts_of(patient, folder)
        seconds = {what: min(cost(part) for _ in range(options.repeats)) for what, part in parts}
    whole = min(spent for spent, _, _ in imports)
    extra = max(mib for _, mib, _ in imports)
    show({"the whole import": whole, **seconds}, whole)
    print(f"peak of memory: {extra:.0f} MiB beyond the libraries")
    for n in COHORTS:
        print(f"{n:,} patients: {n * whole / 3600:.1f} processor hours; again, unchanged: hashing")
    same = len({written for _, _, written in imports}) == 1
    if not same:
        print("Importing twice has given other bytes.")
    return 0 if same and extra <= MOST_MIB else 1


def measured(patient: Patient, out: Path) -> tuple[float, float, str]:
    """Of one import in a process of its own: seconds, MiB at its peak, what it has written."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=one_thread) as pool:
        return pool.submit(imported, patient, out).result()


def imported(patient: Patient, out: Path) -> tuple[float, float, str]:
    """One import, measured from within."""
    before, start = peak_mib(), process_time()
    done = import_images(job(patient, out))
    spent = process_time() - start
    if not isinstance(done, ImportedImages):
        raise ArmwiseError(done.reason)
    written = hashlib.sha256()
    for path in sorted((out / "data").rglob("*.*")):
        written.update(path.read_bytes())
    return spent, peak_mib() - before, written.hexdigest()


def job(patient: Patient, out: Path) -> ImageJob:
    """The patient's import, as the flow asks for it."""
    names = {"arterial": patient.arterial.name, "portal_venous": patient.portal_venous.name}
    mapping = {name: {"path": path} for name, path in names.items()}
    return ImageJob(
        pseudonym="P1",
        patient_id="1",
        treated_on=None,
        source=patient.roi.parent,
        files=PatientFiles(dict(zip(Phase, patient.phases, strict=True)), roi=patient.roi),
        images=ImageSource.model_validate({**mapping, "roi": {"path": patient.roi.name}}),
        series=(),
        data=out / "data",
        records=out / "records",
    )


def parts_of(patient: Patient, folder: Path) -> list[tuple[str, Callable[[], object]]]:
    """The costly parts, each as the import calls it."""
    volumes = [read(path) for path in patient.phases]
    segments = read_segments(patient.roi, pseudonym="P1", role="the ROI")
    masks = [segment.mask for segment in segments]
    written = [folder / f"written-{number}.nii.gz" for number in range(len(volumes))]
    return [
        ("inflating alone (Python's zlib)", lambda: [whole(path) for path in patient.phases]),
        ("reading both phases (read_ct)", lambda: [read(path) for path in patient.phases]),
        ("figures of the manifest (image_figures)", lambda: image_figures("P1", *volumes, masks)),
        (
            "deflating and writing (write_ct)",
            lambda: [write_ct(*one) for one in zip(written, volumes, strict=True)],
        ),
    ]


def read(path: Path) -> Volume:
    """A phase, as the import reads it."""
    return read_ct(path, pseudonym="P1", role="a phase")[0]


def whole(path: Path) -> int:
    """The number of bytes in a compressed file."""
    return len(zlib.decompress(path.read_bytes(), zlib.MAX_WBITS | 16))


def peak_mib() -> float:
    """The most memory that this process has held; Linux alone says it of the process itself."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def show(seconds: dict[str, float], all_of_it: float) -> None:
    """The table of parts."""
    table = Table(title="One patient's images, imported by one thread")
    for name in ("what", "s", "share"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for name, spent in seconds.items():
        table.add_row(name, f"{spent:.2f}", f"{spent / all_of_it:.0%}")
    Console(width=100).print(table)


def cost(part: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = process_time()
    part()
    return process_time() - start


if __name__ == "__main__":
    sys.exit(main())
