"""A small retraining that another process kills, and what it has to end with all the same."""

import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from mlflow import MlflowClient

from flows.settings import PROTOCOLS
from flows.step_journal import done_steps
from tests.flows.conftest import ARMWISE

PROTOCOL = "faults.yaml"
_LONGEST_S = 1500


def new_study(made_study: Path, study: Path) -> Path:
    """A study with the smoke protocol of one backbone, and a gate that lets its models pass.

    No feature passes the screen: what the gate says hangs on the clinical table alone, and not on
    networks of two epochs, whose numbers differ from one kind of machine to another.
    """
    shutil.copytree(made_study, study)
    protocol = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text())
    protocol["backbone"]["names"] = ["resnet18"]
    protocol["signature"]["screen_p_value"] = 1e-9
    protocol["clinical"]["predictors"]["tace"] = ["bclc_stage", "tumor_diameter_cm"]
    protocol["clinical"]["ridge_penalties"] = [8]
    protocol["promotion"] |= {
        "first_minimum_c_lower": 0.0,
        "slope_range": [0.01, 10],
        "slope_interval_meets": [0.01, 10],
    }
    (study / PROTOCOL).write_text(yaml.safe_dump(protocol))
    return study


@dataclass(frozen=True)
class Attempt:
    """`armwise retrain` under way in a study."""

    study: Path
    process: subprocess.Popen
    output: Path

    @classmethod
    def start(cls, study, *options):
        output = study / f"output-{time.monotonic_ns()}.txt"
        with output.open("w") as file:
            process = subprocess.Popen(
                [ARMWISE, "retrain", "--protocol", PROTOCOL, *options],
                cwd=study,
                env={name: value for name, value in os.environ.items() if name[:7] != "PREFECT"},
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(study, process, output)

    def said(self):
        return self.output.read_text()

    def kill_when(self, is_due):
        """Kills the process alone, as the system's memory watch would: its children stay."""
        deadline = time.monotonic() + _LONGEST_S
        while not is_due():
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.01)
        os.kill(self.process.pid, signal.SIGKILL)
        assert self.process.wait(60) == -signal.SIGKILL, "it had ended before"

    def finish(self):
        """What it said, once it has ended well."""
        assert self.process.wait(_LONGEST_S) == 0, self.said()
        return self.said()


def computed(study):
    """How often each step was computed to its end, by step and key."""
    entries = done_steps(study / ".armwise")
    return Counter((entry.step, entry.key) for entry in entries if entry.outcome == "computed")


def computed_again(study):
    """The steps that were computed a second time with the same data, protocol and code."""
    return {step for (step, _), times in computed(study).items() if times > 1}


def has_done(study, step):
    """Whether the journal holds the step."""
    return any(done == step for done, _ in computed(study))


def end_of(study):
    """What a retraining leaves behind that may hang on nothing but data, protocol and code."""
    uri = f"sqlite:///{study / '.armwise' / 'mlflow.db'}"
    client = MlflowClient(uri, uri)
    (experiment,) = [e for e in client.search_experiments() if e.name == "hcc-smoke"]
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    models = client.search_registered_models()
    tags = {"armwise.gate", "armwise.gate_reasons", "armwise.adaptations", "armwise.backbone"}
    return {
        "statuses": sorted(f"{run.info.run_name.split()[0]} {run.info.status}" for run in runs),
        "metrics": {
            run.info.run_name.split()[0]: {
                k: v for k, v in run.data.metrics.items() if "seconds" not in k
            }
            for run in runs
        },
        "tags": [
            {k: v for k, v in run.data.tags.items() if k in tags}
            for run in runs
            if run.data.tags["armwise.level"] == "study"
        ],
        "versions": sorted(
            (found.name, str(found.version)) for found in client.search_model_versions()
        ),
        "pointer": {m.name: {k: str(v) for k, v in m.aliases.items()} for m in models},
        "readings": (study / ".armwise" / "test_readings.jsonl").read_text().count("\n"),
        "weights": sorted(
            path.read_bytes()[-64:] for path in study.glob(".armwise/steps/refit-*/network/*.safe*")
        ),
    }


@pytest.fixture(scope="session")
def undisturbed(made_study, tmp_path_factory):
    """A study after a retraining that nobody killed."""
    study = new_study(made_study, tmp_path_factory.mktemp("undisturbed") / "study")
    Attempt.start(study).finish()
    assert end_of(study)["pointer"]["armwise-recommender"] == {"champion": "1"}
    return study
