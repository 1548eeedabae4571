import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.survival.discrimination import auc_ipcw
from components.survival.horizons import is_estimable, last_estimable_horizon
from components.survival.ipcw import label_weights
from components.survival.target import SurvivalTarget


@st.composite
def cohorts(draw):
    """A cohort of 4 to 40 patients in whole days with ties, and a score with ties."""
    n = draw(st.integers(4, 40))
    days = draw(st.lists(st.integers(1, 30), min_size=n, max_size=n))
    died = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    score = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    return SurvivalTarget.of(days, died), np.asarray(score, dtype=float)


@given(cohorts(), st.floats(0.1, 10), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_the_auc_does_not_care_for_units_order_copies_or_monotone_transforms(cohort, unit, seed):
    target, score = cohort
    order = np.random.default_rng(seed).permutation(target.n)
    moved = SurvivalTarget(target.time_days * unit, target.event).subset(order)
    one = auc_ipcw(target, score, horizon_days=15.5)
    other = auc_ipcw(moved, np.arctan(score[order]), horizon_days=15.5 * unit)
    assert (one.value is None) == (other.value is None)
    if one.value is None:
        return
    assert [one.value, one.lower] == pytest.approx([other.value, other.lower], abs=1e-9)
    twice = np.repeat(np.arange(target.n), 2)
    copies = auc_ipcw(target.subset(twice), score[twice], horizon_days=15.5)
    assert copies.value == pytest.approx(one.value)


@given(cohorts())
@settings(deadline=None, max_examples=25)
def test_the_sign_of_a_score_mirrors_its_auc(cohort):
    target, score = cohort
    one = auc_ipcw(target, score, horizon_days=15)
    other = auc_ipcw(target, -score, horizon_days=15)
    if one.value is not None:
        assert one.value == pytest.approx(1 - other.value)
        assert 0 <= one.lower <= one.value <= one.upper <= 1


def test_a_death_at_the_horizon_is_a_case_or_neither():
    """At 20 days: one has died before, one dies then, two are seen beyond."""
    target = SurvivalTarget.of([5, 20, 30, 40], [1, 1, 0, 0])
    score = np.array([3.0, 0.0, 1.0, 2.0])
    by = auc_ipcw(target, score, horizon_days=20)
    before = auc_ipcw(target, score, horizon_days=20, cases="before")
    assert (by.value, before.value) == (0.5, 1.0)
    assert "deaths before the horizon" in before.method
    nobody = auc_ipcw(target, score, horizon_days=5, cases="before")
    assert nobody.note == "0 have died before, 3 are seen beyond the horizon"


def test_an_auc_needs_deaths_by_and_survivors_beyond_the_horizon(sample):
    x, target = sample
    late = auc_ipcw(target, x[:, 0], horizon_days=1e4)
    assert late.value is None
    assert "0 are seen beyond" in late.note


def test_given_weights_are_used_as_they_are(sample):
    x, target = sample
    own = label_weights(target, 40, fitted_on=target)
    given_same = auc_ipcw(target, x[:, 0], horizon_days=40, weights=own)
    assert given_same.value == auc_ipcw(target, x[:, 0], horizon_days=40).value
    capped = auc_ipcw(target, x[:, 0], horizon_days=40, weights=np.minimum(own, 1.05))
    assert capped.value != given_same.value


def test_the_last_estimable_horizon_is_the_largest_whole_day():
    target = SurvivalTarget.of([5, 6, 20, 30, 40], [1, 1, 0, 0, 0])
    rule = {"minimum_events": 2, "minimum_at_risk": 2}
    assert last_estimable_horizon(target, **rule) == 29
    assert is_estimable(target, 29, **rule)
    assert not is_estimable(target, 30, **rule)
    assert not is_estimable(target, 5, **rule)
    assert last_estimable_horizon(target, minimum_events=3, minimum_at_risk=2) is None
    assert last_estimable_horizon(target, minimum_events=1, minimum_at_risk=6) is None
