"""What must not change, or must change so, whatever the sample."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import FitFailed, NoEventsInArm
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard
from components.survival.target import SurvivalTarget
from tests.survival.strategies import samples

fast = settings(deadline=None, max_examples=25)
TIES = st.sampled_from(["efron", "breslow", "exact"])


def same(one, other, *, unit=1.0, rtol=1e-7):
    """The same fit, its coefficients on columns `unit` times as large."""
    np.testing.assert_allclose(one.coefficients, other.coefficients * unit, rtol=rtol, atol=1e-9)
    sizes = other.standard_errors * np.abs(unit)
    np.testing.assert_allclose(one.standard_errors, sizes, rtol=rtol)
    assert one.log_likelihood == pytest.approx(other.log_likelihood, rel=1e-10)
    assert one.score_test == pytest.approx(other.score_test, rel=1e-7, abs=1e-9)


@fast
@given(drawn=samples(), ties=TIES, unit=st.sampled_from([1 / 365.25, 1 / 7, 24.0]))
def test_the_unit_of_time_changes_nothing(drawn, ties, unit):
    x, target = drawn
    other = SurvivalTarget(target.time_days * unit, target.event)
    same(fit_cox(x, target, ties=ties), fit_cox(x, other, ties=ties), rtol=1e-12)


@fast
@given(drawn=samples(), ties=TIES, seed=st.integers(0, 99))
def test_the_order_of_patients_changes_nothing(drawn, ties, seed):
    x, target = drawn
    order = np.random.default_rng(seed).permutation(target.n)
    same(fit_cox(x, target, ties=ties), fit_cox(x[order], target.subset(order), ties=ties))


@fast
@given(drawn=samples(), ties=TIES, unit=st.sampled_from([1e-6, 0.1, 1e5]), shift=st.floats(-50, 50))
def test_scale_and_origin_of_a_column_are_its_coefficients_unit(drawn, ties, unit, shift):
    x, target = drawn
    same(
        fit_cox(x, target, ties=ties),
        fit_cox(x * unit + shift * unit, target, ties=ties),
        unit=unit,
    )


@fast
@given(drawn=samples(), ties=TIES)
def test_the_sign_of_a_column_is_that_of_its_coefficient(drawn, ties):
    x, target = drawn
    flip = np.array([-1.0, 1.0])
    same(fit_cox(x, target, ties=ties), fit_cox(x * flip, target, ties=ties), unit=flip)


@fast
@given(drawn=samples())
def test_a_weight_of_two_is_the_patient_twice(drawn):
    x, target = drawn
    times = 1 + (np.arange(target.n) % 3 == 0)
    rows = np.repeat(np.arange(target.n), times)
    twice = fit_cox(x[rows], target.subset(rows), ties="breslow")
    same(fit_cox(x, target, ties="breslow", weights=times.astype(float)), twice)
    ridge = fit_cox(x, target, ties="breslow", weights=times.astype(float), ridge=3.0)
    same(ridge, fit_cox(x[rows], target.subset(rows), ties="breslow", ridge=3.0))


@fast
@given(drawn=samples())
def test_equal_weights_scale_the_information_only(drawn):
    x, target = drawn
    one, four = fit_cox(x, target), fit_cox(x, target, weights=np.full(target.n, 4.0), robust=True)
    np.testing.assert_allclose(four.coefficients, one.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(2 * four.standard_errors, one.standard_errors, rtol=1e-7)
    robust = fit_cox(x, target, robust=True).robust_standard_errors
    np.testing.assert_allclose(four.robust_standard_errors, robust, rtol=1e-6)


@fast
@given(drawn=samples(), ties=TIES, scale=st.floats(0.1, 50))
def test_a_ridge_penalty_shrinks_and_spends_fewer_parameters(drawn, ties, scale):
    x, target = drawn
    free, held = fit_cox(x, target, ties=ties), fit_cox(x, target, ties=ties, ridge=scale)
    spread = x.std(axis=0)
    assert np.sum((held.coefficients * spread) ** 2) <= np.sum((free.coefficients * spread) ** 2)
    assert held.log_likelihood <= free.log_likelihood + 1e-9
    assert 0 < held.df < free.df == 2


@fast
@given(drawn=samples(), ties=st.sampled_from(["efron", "breslow"]))
def test_a_constant_stratum_is_none_and_two_strata_never_meet(drawn, ties):
    x, target = drawn
    constant = np.full(target.n, 7)
    same(fit_cox(x, target, ties=ties), fit_cox(x, target, ties=ties, strata=constant), rtol=1e-12)
    strata = np.arange(target.n) % 2
    later = SurvivalTarget(target.time_days + 1e4 * strata, target.event)
    # A column that differs between the strata only says nothing within them.
    between = np.column_stack([x[:, 0], x[:, 1] + 100 * strata])
    same(
        fit_cox(x, target, ties=ties, strata=strata),
        fit_cox(between, later, ties=ties, strata=strata),
    )


@fast
@given(drawn=samples(columns=1))
def test_all_deaths_at_one_time_have_an_answer_that_ties_share(drawn):
    x, target = drawn
    x[0] = x[~target.event, 0].max(initial=0.0) + x[:, 0].max() + 1.0
    event = target.event & (np.arange(target.n) > 0)
    at_once = SurvivalTarget(np.where(event, 10.0, 20.0), event)
    if (x[event].max() < x[~event].min()) or (x[event].min() > x[~event].max()):
        with pytest.raises(FitFailed, match="separates"):
            fit_cox(x, at_once, ties="exact")
        return
    sizes = [
        abs(fit_cox(x, at_once, ties=ties).coefficients[0])
        for ties in ("breslow", "efron", "exact")
    ]
    # Breslow's approximation shrinks, the more the more are tied.
    assert sizes[0] <= sizes[1] * (1 + 1e-9)
    assert sizes[0] <= sizes[2] * (1 + 1e-9)


@fast
@given(drawn=samples(columns=1), ties=TIES)
def test_one_death_has_the_estimate_of_a_choice_among_those_at_risk(drawn, ties):
    x, target = drawn
    dead = int(np.flatnonzero(target.event)[0])
    event = np.zeros(target.n, dtype=bool)
    event[dead] = True
    alone = SurvivalTarget(target.time_days, event)
    at_risk = x[target.time_days >= target.time_days[dead], 0]
    if not at_risk.min() < x[dead, 0] < at_risk.max():
        with pytest.raises(FitFailed, match=r"separates|constant"):
            fit_cox(x, alone, ties=ties)
        return
    b = fit_cox(x, alone, ties=ties).coefficients[0]
    risk = np.exp(b * (at_risk - at_risk.mean()))
    assert risk @ at_risk / risk.sum() == pytest.approx(x[dead, 0], rel=1e-6, abs=1e-6)


@fast
@given(drawn=samples(), ties=TIES)
def test_without_deaths_there_is_no_model(drawn, ties):
    x, target = drawn
    with pytest.raises(NoEventsInArm, match=f"none of the {target.n} patients has died"):
        fit_cox(x, SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool)), ties=ties)


@fast
@given(drawn=samples())
def test_expected_deaths_are_the_deaths(drawn):
    x, target = drawn
    for ties in ("efron", "breslow"):
        lp = x @ fit_cox(x, target, ties=ties).coefficients
        times, hazard = baseline_hazard(lp, target, ties="breslow")
        steps = np.concatenate([[0.0], hazard])
        expected = np.exp(lp) * steps[np.searchsorted(times, target.time_days, side="right")]
        assert expected.sum() == pytest.approx(target.n_events, rel=1e-9)
