import numpy as np
import pytest
from pydantic import ValidationError

from components.errors import IntegrityError
from components.study.randomness import step_seed
from components.study.results import ArtifactRef, Estimate, estimate_metrics, metric_name

C = Estimate(value=0.7123456, lower=0.61, upper=0.81, n=70, n_events=34, method="Harrell")


def test_an_estimate_round_trips_exactly_and_refuses_nan():
    assert Estimate.from_json(C.to_json()) == C
    with pytest.raises(ValidationError):
        Estimate(value=float("nan"), n=1, n_events=0, method="m")
    with pytest.raises(ValidationError):
        Estimate.from_json('{"value": 1, "n": 1, "n_events": 0, "method": "m", "more": 2}')


def test_an_estimate_reads_as_a_reader_expects():
    assert C.text() == "0.712 (0.610 to 0.810)"
    unknown = Estimate.not_estimable("too few", n=9, n_events=2, method="AUC", horizon_days=1095)
    assert unknown.text() == "not estimable"
    assert unknown.note == "too few"


def test_metric_names_group_and_leave_out_what_is_not_estimable():
    name = metric_name("test", "tace", "combined", "auc_cd", 365)
    assert name == "test/tace/combined/auc_cd_365d"
    assert estimate_metrics(name, C) == {
        name: 0.7123456,
        f"{name}_lower": 0.61,
        f"{name}_upper": 0.81,
    }
    unknown = Estimate.not_estimable("too few", n=9, n_events=2, method="AUC")
    assert estimate_metrics(name, unknown) == {}


def test_a_reference_knows_its_file(tmp_path):
    path = tmp_path / "weights"
    path.write_bytes(b"0123")
    reference = ArtifactRef.of(path)
    assert reference.verified() == path
    path.write_bytes(b"3210")
    assert reference.exists()
    with pytest.raises(IntegrityError, match="other bytes"):
        reference.verified()
    path.unlink()
    assert not reference.exists()
    with pytest.raises(IntegrityError, match="found none"):
        reference.verified()


def test_steps_draw_their_own_numbers():
    def draw(seed, step):
        return np.random.default_rng(step_seed(seed, step)).random()

    assert draw(1, "split") == draw(1, "split")
    assert len({draw(1, "split"), draw(1, "folds"), draw(2, "split")}) == 3
