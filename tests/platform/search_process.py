"""A search in a process of its own, for the test that kills it: prints what the driver hears."""

import sys
from pathlib import Path

from components.platform.compute import ray_session
from components.platform.search import run_search
from tests.platform.test_search import SEED, Heard, cohort_and_sections


class Printed(Heard):
    """Also tells the parent process, line by line."""

    def on_epoch(self, configuration, metrics):
        super().on_epoch(configuration, metrics)
        sys.stdout.write(f"{configuration.key} {metrics.epoch}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    patients, sections = cohort_and_sections()
    sections["search"] = sections["search"].model_copy(update={"method": sys.argv[3]})
    with ray_session(temp_dir=Path(sys.argv[2]), num_cpus=2):
        run_search(patients, **sections, seed=SEED, storage=Path(sys.argv[1]), listener=Printed())
