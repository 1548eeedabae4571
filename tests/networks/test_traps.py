"""Short forms of `benchmarks/arm_trap.py` and `benchmarks/permuted_labels.py`, at fixed seeds."""

import numpy as np
import pytest

from benchmarks import arm_trap, permuted_labels
from benchmarks.trap_cohort import Size, draw_trap, training_set, trap_protocol
from components.networks import retraining
from components.networks.configurations import draw_configurations
from components.networks.retraining import inputs_of, scores_of_unseen
from components.networks.training import plan_training
from components.study.vocabulary import TreatmentArm
from components.survival.discrimination import auc_ipcw

SMALL = Size(n_train=240, n_test=120, configurations=1, epochs=4, learning_rates=(1e-2, 3e-2))
COHORTS = 6
PERMUTATIONS = 8


def monte_carlo(values):
    """Mean and its standard error."""
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


@pytest.fixture(scope="module")
def sprung():
    return arm_trap.spring(SMALL, seed=7)


def test_images_of_the_arm_alone_are_said_to_be_that_and_promote_nothing(sprung):
    assert sprung.row.signal.verdict == "arm_only"
    assert "the arms apart, not the patients" in sprung.page
    assert not sprung.judged.decision.is_promoted
    assert arm_trap.verdicts(sprung)["the gate"][1]


def out_of_fold(seed):
    """AUCs of one small trap: pooled, of the arm alone, and within each arm."""
    protocol = trap_protocol(SMALL, seed=seed)
    patients = training_set(draw_trap(SMALL, seed=seed), protocol)
    plan = plan_training(protocol.search, protocol.backbone, seed=seed)
    scores = scores_of_unseen(
        draw_configurations(protocol.search, protocol.backbone, seed)[0],
        patients,
        inputs_of(patients, plan),
        fold_of=patients.fold_of,
        may_teach=np.ones(patients.target.n, dtype=bool),
        label=protocol.label,
        plan=plan,
    )
    is_tace = patients.arms == TreatmentArm.TACE.value

    def auc(scores, where=slice(None)):
        return auc_ipcw(patients.target.subset(where), scores[where], horizon_days=1095).value

    return auc(scores), auc(is_tace.astype(float)), auc(scores, is_tace), auc(scores, ~is_tace)


def test_such_images_are_worth_the_arm_pooled_and_nothing_within_it():
    pooled, arm_only, *within = np.array([out_of_fold(seed) for seed in range(COHORTS)]).T

    # The network may know the arm a little less well than the table does.
    mean, error = monte_carlo(pooled - arm_only)
    assert -0.06 - 4 * error < mean < 4 * error
    assert np.mean(arm_only) == pytest.approx(0.7, abs=4 * monte_carlo(arm_only)[1])
    for values in within:
        mean, error = monte_carlo(values)
        assert abs(mean - 0.5) < 4 * error


@pytest.fixture
def few_patients(monkeypatch):
    sizes = {TreatmentArm.HEPATECTOMY: 60, TreatmentArm.TACE: 50}
    monkeypatch.setattr(permuted_labels, "SIZES", sizes)
    monkeypatch.setattr(permuted_labels, "OUTER_FOLDS", 2)


@pytest.mark.parametrize("where", permuted_labels.PLACES)
def test_permuted_labels_are_worth_one_half_outside_of_the_search(where, few_patients):
    found = permuted_labels.measure(PERMUTATIONS, places=(where,))

    assert {arm for _, arm in found} == set(TreatmentArm)
    for key, values in found.items():
        assert values.size == PERMUTATIONS
        mean, error = monte_carlo(values)
        assert abs(mean - 0.5) < 4 * error, key


def test_labels_in_place_are_found(few_patients):
    found = permuted_labels.measure(PERMUTATIONS, places=("nowhere",))

    for values in found.values():
        mean, error = monte_carlo(values)
        assert mean - 0.5 > 2 * error


def test_a_label_that_leaks_is_noticed(few_patients, monkeypatch):
    """Were those to be scored among those learned from, permuted labels would seem to predict."""
    honest = retraining.lesson

    def leaking(target, arms, *, seen, **others):
        return honest(target, arms, seen=np.ones_like(seen), **others)

    monkeypatch.setattr(retraining, "lesson", leaking)
    protocol = permuted_labels.permutation_protocol()
    longer = protocol.search.model_copy(update={"rungs": (20,)})
    patient = protocol.model_copy(update={"search": longer})
    monkeypatch.setattr(permuted_labels, "permutation_protocol", lambda: patient)
    found = permuted_labels.measure(PERMUTATIONS, places=("within arms",))

    for values in found.values():
        mean, error = monte_carlo(values)
        assert mean - 0.5 > 4 * error
