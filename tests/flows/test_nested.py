"""The step `nested` on a small table of features, in this process and in others."""

import numpy as np
import pandas as pd
import pytest

from components.errors import UsageError
from components.networks.feature_table import read_features, write_features
from components.study.protocol import NestedSection, read_protocol
from components.study.results import ArtifactRef
from flows.plan import NESTED_STEP, RETRAIN_STEPS, Step, make_plan
from flows.settings import PROTOCOLS
from flows.tasks.nested import judge_features, read_nested

N = 60


@pytest.fixture(scope="module")
def protocol():
    """The smoke protocol with ten folds: enough for processes of their own."""
    smoke = read_protocol(PROTOCOLS / "smoke.yaml")
    evaluation = smoke.evaluation.model_copy(update={"nested": NestedSection(folds=5, repeats=2)})
    return smoke.model_copy(update={"evaluation": evaluation})


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A cohort of one arm whose first feature tells the risk; its features in another order."""
    folder = tmp_path_factory.mktemp("nested")
    rng = np.random.default_rng(3)
    features = rng.normal(size=(N, 12)).astype(np.float32)
    cohort = pd.DataFrame(
        {
            "arm": "tace",
            "split": np.where(np.arange(N) % 4 == 0, "test", "train"),
            "os_days": rng.exponential(700 * np.exp(-1.2 * features[:, 0])) + 1,
            "death": (rng.random(N) < 0.9).astype(int),
        },
        index=pd.Index([f"P{i:03d}" for i in range(N)], name="patient_id"),
    )
    cohort.to_parquet(folder / "cohort.parquet")
    order = rng.permutation(N)
    table = write_features(
        folder / "features.parquet",
        features[order],
        patient_ids=list(cohort.index[order]),
        roles=["fit"] * N,
        network_id="given",
        weights_sha256="0" * 64,
        layer="as given",
    )
    return {
        "cohort": {"table": ArtifactRef.of(folder / "cohort.parquet").model_dump()},
        "features": {"features": {"table": table.model_dump()}},
    }


def judge(inputs, protocol, *, workers):
    readings = []
    beside = {"screened": protocol.signature.model_copy(update={"screen_p_value": 0.05})}
    result = judge_features.fn(
        "nested",
        "key",
        **inputs,
        protocol=protocol,
        beside=beside,
        workers=workers,
        on_test_reading=readings.append,
    )
    return read_nested({"nested": result}), readings


@pytest.fixture(scope="module")
def alone(inputs, protocol):
    """Judged in this process: the record, and what was noted of the test patients."""
    return judge(inputs, protocol, workers=1)


def test_features_are_judged_by_each_path_whoever_runs_the_folds(inputs, protocol, alone):
    alone, readings = alone
    assert list(alone.paths) == ["sound", "screened"]
    assert alone.n == N
    # Rows matched by patient: by position the signal would be gone.
    assert alone.paths["sound"].honest.estimate.value > 0.65
    assert alone.paths["screened"].leaky is not None
    assert readings == ["nested cross-validation of the signature"]
    with_processes, _ = judge(inputs, protocol, workers=2)
    assert with_processes == alone


def test_the_order_of_the_rows_moves_no_fold(inputs, protocol, alone, tmp_path):
    reference = ArtifactRef.model_validate(inputs["features"]["features"]["table"])
    patients, values = read_features(reference)
    turned = write_features(
        tmp_path / "turned.parquet",
        values[::-1],
        patient_ids=patients[::-1],
        roles=["fit"] * N,
        network_id="given",
        weights_sha256="0" * 64,
        layer="as given",
    )
    other = {**inputs, "features": {"features": {"table": turned.model_dump()}}}
    assert judge(other, protocol, workers=1) == alone


def test_no_step_no_record():
    assert read_nested({"cohort": {}}) is None


def test_a_protocol_without_the_section_is_refused(inputs, protocol):
    without = protocol.evaluation.model_copy(update={"nested": None})
    with pytest.raises(UsageError, match="came null"):
        judge(inputs, protocol.model_copy(update={"evaluation": without}), workers=1)


def test_key_follows_the_protocol_that_is_judged_beside(protocol, monkeypatch, tmp_path):
    steps = (
        Step("cohort", "Cohort", (), ()),
        Step("signature", "Signature", ("cohort",), ("signature",)),
        Step("nested", "Nested", ("signature",), NESTED_STEP.parts, NESTED_STEP.beside),
    )
    before = make_plan(protocol, "abc", place="here", steps=steps)
    text = (PROTOCOLS / "sound.yaml").read_text().replace("n_lambdas: 100", "n_lambdas: 90")
    (tmp_path / "sound.yaml").write_text(text)
    monkeypatch.setattr("flows.plan.PROTOCOLS", tmp_path)
    after = make_plan(protocol, "abc", place="here", steps=steps)
    differing = {name for name in before.keys if before.keys[name] != after.keys[name]}
    assert differing == {"nested"}


def test_the_nested_figures_repeat_no_search():
    search = next(step for step in RETRAIN_STEPS if step.name == "search")
    assert not any(part in {"evaluation", "evaluation.nested"} for part in search.parts)
