"""Short forms of `benchmarks/permutation.py` and `benchmarks/leakage.py`, at fixed seeds."""

import numpy as np
import pytest

from benchmarks import leakage, permutation
from benchmarks.coverage import BOUNDS, coverage
from benchmarks.simulated import Truth, simulate, simulated_protocol
from components.study.vocabulary import ModelKind, TreatmentArm

PERMUTATIONS = 20


@pytest.mark.parametrize("where", permutation.PLACES)
def test_permuted_labels_are_worth_one_half(where, monkeypatch):
    """Every model's mean outer C and AUC lies within four Monte Carlo standard errors of 0.5."""
    sizes = {TreatmentArm.HEPATECTOMY: 60, TreatmentArm.TACE: 45}
    monkeypatch.setattr(permutation, "SIZES", sizes)
    monkeypatch.setattr(permutation, "OUTER_FOLDS", 2)
    found = permutation.measure(PERMUTATIONS, places=(where,))
    assert {(arm, kind) for _, arm, kind, _ in found} == {
        (arm, kind) for arm in TreatmentArm for kind in ModelKind
    }
    for key, values in found.items():
        assert values.size == PERMUTATIONS
        error = values.std(ddof=1) / np.sqrt(values.size)
        assert abs(values.mean() - 0.5) < 4 * error + 1e-12, key


def test_permuting_moves_survival_as_a_whole_and_within_the_arm():
    patients = simulate(permutation.SIZES, Truth(), np.random.default_rng(1))
    rng = np.random.default_rng(2)
    within = permutation.permuted(patients, "within arms", rng)
    across = permutation.permuted(patients, "across arms", rng)

    def pairs(part, arm=None):
        table = part.table if arm is None else part.table[part.table["arm"] == arm.value]
        return sorted(zip(table["os_days"], table["death"], strict=True))

    assert not np.array_equal(within.table["os_days"], patients.table["os_days"])
    assert pairs(across) == pairs(within) == pairs(patients)
    for arm in TreatmentArm:
        assert pairs(within, arm) == pairs(patients, arm)
        assert pairs(across, arm) != pairs(patients, arm)


def test_features_that_see_only_the_arm_give_the_stratified_signature_nothing():
    section = simulated_protocol().signature
    found = [leakage.arm_leak(section, np.random.default_rng(seed)) for seed in range(8)]
    mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert mean["pooled: C of all patients"] > 0.56
    for strata in ("stratified", "pooled"):
        assert mean[f"{strata}: C within arms"] == pytest.approx(0.5, abs=0.02)


def test_in_sample_scores_flatter_and_cross_fitted_ones_do_not():
    section = simulated_protocol().signature
    found = [leakage.in_sample_cost(section, np.random.default_rng(seed)) for seed in range(4)]
    mean = {name: np.mean([one[name] for one in found]) for name in found[0]}
    assert mean["in-sample: C in training"] > mean["in-sample: C in test"] + 0.08
    assert mean["in-sample: slope in test"] < 0.7
    assert mean["cross-fitted: C in training"] == pytest.approx(
        mean["cross-fitted: C in test"], abs=0.04
    )
    assert mean["cross-fitted: slope in test"] > mean["in-sample: slope in test"] + 0.2


def test_intervals_cover_as_often_as_they_promise():
    """Of 150 cohorts; bounds widened by three Monte Carlo standard errors."""
    error = np.sqrt(0.95 * 0.05 / 150)
    for name, (_, share) in coverage(150, n_population=20_000).items():
        assert BOUNDS[0] - 3 * error < share <= 1.0, name
