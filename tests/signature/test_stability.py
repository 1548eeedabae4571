import pickle

import numpy as np
import pytest

from components.signature.signature import fit_signature
from components.signature.stability import SelectionStability, selection_stability
from components.survival.target import SurvivalTarget


@pytest.fixture(scope="module")
def run(cohort, section):
    """run(features): seven resamples of all patients."""

    def go(features, *, target=cohort.target, **changes):
        return selection_stability(
            features,
            target,
            cohort.arms,
            section=section(rule="lambda_1se", **changes.pop("section", {})),
            n_resamples=7,
            seed=20260126,
            **changes,
        )

    return go


@pytest.fixture(scope="module")
def table(cohort):
    """One feature that is the latent risk, and 23 that know nothing."""
    rng = np.random.default_rng(6)
    return np.column_stack([cohort.latent, rng.normal(size=(cohort.target.n, 23))])


def test_a_true_feature_is_selected_nearly_always_and_noise_rarely(run, table):
    found = run(table)
    assert found.n_resamples == len(found.sizes) == 7
    assert found.share(0) == 1
    assert found.ordered[0] == 0
    assert np.mean([found.share(feature) for feature in range(1, 24)]) < 0.3
    assert sum(found.n_selected.values()) == sum(found.sizes)
    assert found.failures == {}


def test_noise_gives_null_resamples(run, cohort):
    found = run(cohort.noise)
    assert found.n_null >= 4
    assert found.share(99) == 0


def test_resamples_are_of_the_patients_within_their_arm(run, cohort, table, monkeypatch):
    seen = []

    def note(features, target, arms, **named):
        seen.append((arms, named["units"], named["section"].cv_repeats))
        return fit_signature(features, target, arms, **named)

    monkeypatch.setattr("components.signature.stability.fit_signature", note)
    run(table)
    for arms, units, repeats in seen:
        assert np.array_equal(np.sort(arms), np.sort(cohort.arms))
        assert np.array_equal(arms, cohort.arms[units])
        assert np.unique(units).size < 0.75 * units.size
        assert repeats == 1
    assert not np.array_equal(seen[0][1], seen[1][1])


def test_the_same_wherever_the_resamples_are_run(run, table):
    done = []

    def elsewhere(function, tasks):
        for task in tasks:
            sent, received = pickle.loads(pickle.dumps((function, task)))
            yield pickle.loads(pickle.dumps(sent(received)))

    there = run(table, map=elsewhere, on_progress=lambda at, of: done.append((at, of)))
    assert there == run(table)
    assert done == [(5, 7), (7, 7)]
    assert SelectionStability.from_json(there.to_json()) == there


def test_resamples_without_a_signature_are_counted(run, cohort, table):
    few = SurvivalTarget(cohort.target.time_days, np.arange(cohort.target.n) < 4)
    found = run(table, target=few)
    assert sum(found.failures.values()) + len(found.sizes) == 7
    assert any("deaths for 5 folds" in why for why in found.failures)
