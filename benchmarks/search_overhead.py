"""How much of a search's wall time is training, with Ray Tune, checkpoints and MLflow on.

Three backbones of four configurations at 64 px, rungs 2, 4 and 6, two folds, on a synthetic cohort;
every trial's epochs go to MLflow on SQLite as in a run. Useful is what trials spend inside their
epochs, training and scoring; it is held against the wall time of the search times the trials that
run at once. The rest, divided by the trials, is the overhead of Ray and MLflow a trial: starting
workers, importing torch in them, changing over from one trial to the next, writing checkpoints.

Run `python -m benchmarks.search_overhead`. The exit status is 1 where less than 85% is useful.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import ray

from benchmarks.search_replay import PROTOCOL, cohort
from components.networks.records import Configuration, EpochMetrics, TrialResult
from components.platform.compute import ray_session
from components.platform.search import run_search
from components.platform.tracking import Tracking
from components.study.protocol import read_protocol
from flows.tasks.search_runs import SearchRuns

LEAST_USEFUL = 0.85


class Timed(SearchRuns):
    """The runs of a search in MLflow, and when what was heard."""

    began = 0.0
    first: float | None = None
    in_mlflow = 0.0
    in_store = 0.0

    def on_epoch(self, configuration: Configuration, metrics: EpochMetrics) -> None:
        """An epoch, with the time that MLflow takes for it."""
        start = time.monotonic()
        if self.first is None:
            self.first = start - self.began - metrics.seconds
        super().on_epoch(configuration, metrics)
        self.in_mlflow += time.monotonic() - start
        self.in_store = max(self.in_store, shared_mib())

    def on_end(self, result: TrialResult) -> None:
        """An end, with the time that MLflow takes for it."""
        start = time.monotonic()
        super().on_end(result)
        self.in_mlflow += time.monotonic() - start


def measure(folder: Path, *, n: int, px: int, workers: int) -> dict[str, Any]:
    """One search; what it took."""
    protocol = read_protocol(PROTOCOL)
    search = protocol.search.model_copy(update={"folds": 2, "configurations": 4})
    patients = cohort(n, px)
    tracking = Tracking(f"sqlite:///{folder / 'mlflow.db'}", "overhead")
    study = tracking.study_run("study", name="study", tags={})
    runs = Timed(tracking, study_run=study, study_key="search", progress=None)
    before = shared_mib()
    start = time.monotonic()
    with ray_session(temp_dir=folder / "ray", num_cpus=workers):
        up = time.monotonic() - start
        runs.began = time.monotonic()
        found = run_search(
            patients,
            search=search,
            backbone=protocol.backbone,
            label=protocol.label,
            evaluation=protocol.evaluation,
            seed=1,
            storage=folder / "search",
            listener=runs,
        )
        wall = time.monotonic() - runs.began
        crops = ray.get(ray.remote(_in_place).remote(ray.put(patients)))
    useful = float(np.sum([trial.seconds for trial in found.trials]))
    return {
        "trials": len(found.trials),
        "wall": wall,
        "useful": useful,
        "share": useful / (wall * workers),
        "lost a trial": (wall * workers - useful) / len(found.trials),
        "Ray's start": up,
        "until the first epoch": runs.first,
        "MLflow in all": runs.in_mlflow,
        "object store MiB": runs.in_store - before,
        "crops MiB": patients.crops.nbytes / 2**20,
        "a worker reads the crops in place": crops,
    }


def shared_mib() -> float:
    """MiB of shared memory in use on this machine, where Ray keeps its objects."""
    return shutil.disk_usage("/dev/shm").used / 2**20


def _in_place(patients: Any) -> bool:
    return not patients.crops.flags["OWNDATA"]


def main() -> int:
    """Measure and say."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=409)
    parser.add_argument("--px", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        found = measure(
            Path(folder), n=arguments.patients, px=arguments.px, workers=arguments.workers
        )
    for name, value in found.items():
        print(f"{name}: {value:.2f}" if isinstance(value, float) else f"{name}: {value}")
    return 0 if found["share"] >= LEAST_USEFUL else 1


if __name__ == "__main__":
    sys.exit(main())
