"""The step `network_checks` on a handful of small crops, on this machine's CPU."""

from contextlib import nullcontext
from functools import partial

import numpy as np
import pandas as pd
import pytest

from components.errors import UsageError
from components.platform.compute import ray_session
from components.study.protocol import NestedNetworksSection, read_protocol
from components.study.results import ArtifactRef
from flows.search_result import read_checks
from flows.settings import PROTOCOLS
from flows.tasks import network_checks
from flows.tasks.network_checks import check_networks
from tests.flows.test_optimism_step import no_ray

N = 48
NESTED = {"folds": 2, "repeats": 1, "inner_folds": 2, "configurations": 1, "epochs": 2}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """Patients of two arms, with noise for images; the last eight are test patients without any."""
    folder = tmp_path_factory.mktemp("checks")
    rng = np.random.default_rng(5)
    arms = np.where(np.arange(N) % 2 == 0, "hepatectomy", "tace")
    death = rng.exponential(1100, N)
    seen = rng.uniform(600, 3000, N)
    table = pd.DataFrame(
        {
            "arm": arms,
            "split": np.where(np.arange(N) >= N - 8, "test", "train"),
            "os_days": np.minimum(death, seen) + 1,
            "death": (death <= seen).astype(int),
            "fold": np.where(np.arange(N) >= N - 8, -1, np.arange(N) % 3),
        },
        index=pd.Index([f"P{i:03d}" for i in range(N)], name="patient_id"),
    )
    table.to_parquet(folder / "cohort.parquet")
    crops = {}
    for patient in table.index[: N - 8]:
        path = folder / f"{patient}.npy"
        np.save(path, rng.normal(size=(3, 32, 32)).astype(np.float32))
        crops[patient] = ArtifactRef.of(path).model_dump()
    return {
        "cohort": {"table": ArtifactRef.of(folder / "cohort.parquet").model_dump()},
        "crops": {"crops": crops},
    }


@pytest.fixture
def check(inputs):
    smoke = read_protocol(PROTOCOLS / "smoke.yaml")
    backbone = smoke.backbone.model_copy(
        update={"names": ("resnet18",), "training": "frozen_trunk", "augment": None}
    )

    search = smoke.search.model_copy(update={"gpus_per_trial": 0.0})

    def run(nested, session=no_ray):
        section = None if nested is None else NestedNetworksSection(**nested)
        thresholds = {"minimum_events_before": 2, "minimum_at_risk_after": 2}
        evaluation = smoke.evaluation.model_copy(update={"nested_networks": section, **thresholds})
        protocol = smoke.model_copy(
            update={"backbone": backbone, "evaluation": evaluation, "search": search}
        )
        result = check_networks.fn(
            "network_checks", "key", **inputs, search={}, protocol=protocol, session=session
        )
        return read_checks({"network_checks": result}), result["adaptations"]

    return run


@pytest.mark.slow
# Ray opens sockets and log files that it leaves to the interpreter to close.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nested_folds_are_judged_without_the_test_patients(check, monkeypatch, tmp_path):
    """On Ray; in this process alone the numbers are the same."""
    session = partial(ray_session, temp_dir=tmp_path / "ray", num_cpus=2)
    found, said = check({"when": "always", **NESTED}, session)

    monkeypatch.setattr(network_checks, "_trial_map", lambda protocol: map)
    assert check({"when": "always", **NESTED}, nullcontext) == (found, said)

    assert found.nested.estimate.n == N - 8
    assert found.nested.epochs == 2
    assert found.seeds is None
    assert all(one["step"] == "network_checks" for one in said)


def test_what_is_left_out_for_want_of_a_gpu_is_said(check):
    found, said = check({"when": "gpu", **NESTED})

    assert found.nested is None
    assert [one["why"] for one in said] == [
        "evaluation.nested_networks.when is gpu, and the networks are trained on a CPU"
    ]


def test_a_protocol_that_asks_for_none_says_nothing(check):
    found, said = check(None)

    assert found.nested is None
    assert said == []


def test_epochs_within_the_warm_up_are_refused(tmp_path):
    text = (PROTOCOLS / "sound.yaml").read_text()
    path = tmp_path / "own.yaml"
    path.write_text(
        text.replace("configurations: 2, epochs: null}", "configurations: 2, epochs: 3}")
    )

    with pytest.raises(UsageError, match=r"expected more than backbone\.warmup_epochs 3, came 3"):
        read_protocol(path)
