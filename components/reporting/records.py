"""What a report says of the run itself: data version, software, timings, test readings."""

from components.study.results import Record
from components.study.vocabulary import DataOrigin


class DataSummary(Record):
    """The version of the data that a run read; `source` says how it came to the machine."""

    name: str
    origin: DataOrigin
    md5: str
    n_files: int
    n_bytes: int
    source: str
    split_hash: str


class Software(Record):
    """A package's version in this run, and the study's where it names one."""

    name: str
    version: str
    study_version: str | None = None


class StepTiming(Record):
    """How long a step took; `from_cache` where its result of an earlier run was used."""

    step: str
    seconds: float
    from_cache: bool = False


class TestReading(Record):
    """An occasion on which the test patients were looked at; `purpose` says what for.

    Their outcomes, unless it says that images alone were read.
    """

    __test__ = False  # pytest: this is no test class

    when: str
    run_id: str
    data_md5: str
    protocol_hash: str
    purpose: str


class Provenance(Record):
    """Which code, machine and settings made the numbers.

    `git_commit` is None outside a clone, `device` where no network was trained; `places` name where
    else to look (a label, then an address or path, shown as text).
    """

    package_version: str
    git_commit: str | None
    git_is_clean: bool
    mlflow_run_id: str
    started: str
    machine: str
    device: str | None
    software: tuple[Software, ...]
    timings: tuple[StepTiming, ...]
    platform_seconds: dict[str, float]
    places: dict[str, str]


STUDY_SOFTWARE = {
    "3D Slicer": "5.8.1",
    "R": "4.5.1",
    "pyradiomics": "3.0.1",
    "scikit-learn": "1.0.2",
    "torch": "1.11.0",
}
"""Versions that the study names, 10.31083/BJHM50380, sections 2.3 to 2.6."""
