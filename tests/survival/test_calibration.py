import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import UsageError
from components.survival.calibration import (
    calibration_by_group,
    calibration_intercept,
    calibration_slope,
    log_observed_expected,
    observed_expected,
    risk_calibration_slope,
)
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import martingale_residuals
from components.survival.target import SurvivalTarget

DATASETS = ["pbc", "lung", "rotterdam"]


@pytest.fixture(params=DATASETS)
def validation(request, values, inputs):
    """R's validation of a set, its target and the predicted survival at R's horizon."""
    table, r = inputs(request.param), values(request.param, "validation")
    target = SurvivalTarget.of(table["time"], table["event"])
    return r, table, target, 1 - table[f"risk_{r['u']}"].to_numpy(float)


def test_slope_agrees_with_r(validation, std_error):
    r, table, target, _ = validation
    own = calibration_slope(target, table["mk_lp"].to_numpy(float), level=0.95)
    assert own.value == pytest.approx(r["calibration_slope"]["slope"], rel=1e-8)
    assert std_error(own) == pytest.approx(r["calibration_slope"]["se"], rel=1e-8)


def test_groups_agree_with_r(validation):
    r, _, target, predicted = validation
    own = calibration_by_group(target, predicted, horizon_days=r["u"], n_groups=5)
    assert len(own) == len(r["calibration_groups"])
    for group, theirs in zip(own, r["calibration_groups"], strict=True):
        assert group.n == theirs["n"]
        assert group.mean_predicted == pytest.approx(theirs["mean_pred_surv"], rel=1e-8)
        assert group.observed.value == pytest.approx(theirs["km_surv"], rel=1e-8)
        assert group.observed.lower == pytest.approx(theirs["lower"], rel=1e-8)
        assert group.observed.upper == pytest.approx(theirs["upper"], rel=1e-8)


def test_observed_over_expected_agrees_with_r(validation):
    r, _, target, predicted = validation
    own = observed_expected(target, predicted, r["u"])
    assert own.value == pytest.approx(r["observed_expected"]["oe"], rel=1e-8)
    assert own.lower < own.value < own.upper
    assert own.value**2 == pytest.approx(own.lower * own.upper)


def test_what_cannot_be_estimated_is_said(sample):
    _, target = sample
    constant = calibration_slope(target, np.zeros(target.n))
    assert constant.value is None
    assert "'linear predictor' is constant" in constant.note
    assert observed_expected(target, np.full(target.n, 0.5), 1e5).value is None
    assert observed_expected(target, np.ones(target.n), 40).value is None
    with pytest.raises(UsageError, match="at least 2"):
        calibration_by_group(target, np.full(target.n, 0.5), horizon_days=40, n_groups=1)


def test_equal_predictions_stay_in_one_group(sample):
    _, target = sample
    predicted = np.where(np.arange(target.n) < 100, 0.8, 0.3)
    groups = calibration_by_group(target, predicted, horizon_days=40, n_groups=5)
    assert [group.n for group in groups] == [100, 20]


def test_slope_of_predicted_risk_is_that_of_the_linear_predictor(sample):
    """log(-log S) of a Cox model is its linear predictor and a constant."""
    x, target = sample
    lp = 0.5 * x[:, 0]
    survival = np.exp(-0.4 * np.exp(lp))
    own = risk_calibration_slope(target, survival, 60)
    other = calibration_slope(target.truncated(60), lp, level=0.95)
    assert own.value == pytest.approx(other.value, rel=1e-9)
    assert own.upper == pytest.approx(other.upper, rel=1e-9)
    assert (own.horizon_days, own.n_events) == (60, target.n_events)


def test_slope_of_predicted_risk_needs_predictions_that_differ(sample):
    _, target = sample
    equal = risk_calibration_slope(target, np.full(target.n, 0.4), 40)
    assert "same predicted survival" in equal.note
    certain = risk_calibration_slope(target, np.linspace(0, 1, target.n), 40)
    assert "2 of 120 predictions are not" in certain.note


def test_intercept_is_that_of_a_poisson_model(sample):
    """glm(deaths ~ offset(log(expected)), poisson), by its likelihood."""
    x, target = sample
    expected = 0.01 * target.time_days * np.exp(0.3 * x[:, 0])
    own = calibration_intercept(target, expected)
    around = own.value + np.array([-1e-4, 0, 1e-4])
    likelihood = target.n_events * around - np.exp(around) * expected.sum()
    assert likelihood.argmax() == 1
    curvature = (2 * likelihood[1] - likelihood[0] - likelihood[2]) / 1e-8
    assert (own.upper - own.value) / 1.959963984540054 == pytest.approx(curvature**-0.5, rel=1e-3)


def test_intercept_of_a_model_in_its_own_patients_is_zero(sample):
    """Breslow's hazards sum to the deaths."""
    x, target = sample
    lp = x @ fit_cox(x, target, ties="breslow").coefficients
    expected = target.event - martingale_residuals(lp, target, ties="breslow")
    assert calibration_intercept(target, expected).value == pytest.approx(0, abs=1e-9)


def test_intercept_needs_deaths_and_expected_ones(sample):
    _, target = sample
    nobody = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    assert "0 deaths" in calibration_intercept(nobody, np.ones(target.n)).note
    assert calibration_intercept(target, np.zeros(target.n)).value is None


def test_log_of_observed_over_expected_is_its_log(sample):
    _, target = sample
    predicted = np.full(target.n, 0.6)
    ratio, log = (f(target, predicted, 40) for f in (observed_expected, log_observed_expected))
    assert np.log([ratio.value, ratio.lower, ratio.upper]) == pytest.approx(
        [log.value, log.lower, log.upper]
    )
    assert "log of" in log.method
    assert "log of" not in ratio.method


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10_000), unit=st.floats(0.01, 100))
def test_calibration_has_no_unit_and_no_order(seed, unit):
    rng = np.random.default_rng(seed)
    lp = rng.normal(size=80)
    dies, leaves = np.ceil(rng.exponential(60 * np.exp(-lp))), np.ceil(rng.uniform(30, 120, 80))
    target = SurvivalTarget.of(np.minimum(dies, leaves), dies <= leaves)
    survival, order = np.exp(-0.5 * np.exp(lp)), rng.permutation(80)
    scaled = SurvivalTarget(target.time_days[order] * unit, target.event[order])

    def figures(patients, horizon, rows):
        slope = calibration_slope(patients, lp[rows])
        ratio = observed_expected(patients, survival[rows], horizon)
        until = risk_calibration_slope(patients, survival[rows], horizon)
        level = calibration_intercept(patients, np.exp(lp[rows]))
        return [x for one in (slope, ratio, until, level) for x in (one.value, one.lower)]

    everyone = np.arange(80)
    assert figures(scaled, 30 * unit, order) == pytest.approx(
        figures(target, 30, everyone), rel=1e-8
    )


def test_slope_of_the_negative_score_is_negative(sample):
    x, target = sample
    lp = x[:, 0]
    assert calibration_slope(target, -lp).value == pytest.approx(
        -calibration_slope(target, lp).value
    )
    doubled = calibration_slope(target, 2 * lp)
    assert 2 * doubled.value == pytest.approx(calibration_slope(target, lp).value)


def test_without_deaths_nothing_is_estimable(sample):
    x, target = sample
    nobody = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    survival = np.exp(-0.5 * np.exp(x[:, 0]))
    assert "none of the 120 patients has died" in calibration_slope(nobody, x[:, 0]).note
    assert "none of the 120 patients has died" in risk_calibration_slope(nobody, survival, 40).note
    assert observed_expected(nobody, survival, 40).value is None
