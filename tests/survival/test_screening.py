from math import exp, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import FitFailed, NoEventsInArm
from components.survival.newton import fit_cox
from components.survival.screening import ScreenStatus, univariate_screen
from components.survival.target import SurvivalTarget

SEEDS = st.integers(0, 2**32 - 1)


def twin(x, time, event, strata, *, efron):
    """The screen of one column in plain Python: coefficient, standard error, log likelihood."""
    x = x - x.mean()

    def parts(b):
        value = gradient = information = 0.0
        for stratum in np.unique(strata):
            for t in np.unique(time[event & (strata == stratum)]):
                at_risk = (strata == stratum) & (time >= t)
                dead = at_risk & event & (time == t)
                for rank in range(dead.sum()):
                    share = rank / dead.sum() if efron else 0.0
                    w = np.exp(b * x) * (at_risk - share * dead)
                    mean = (w * x).sum() / w.sum()
                    value -= log(w.sum())
                    gradient -= mean
                    information += (w * x**2).sum() / w.sum() - mean**2
                value += b * x[dead].sum()
                gradient += x[dead].sum()
        return value, gradient, information

    b, now = 0.0, parts(0.0)
    for _ in range(60):
        step = now[1] / now[2]
        while parts(b + step)[0] < now[0] - 1e-10:
            step /= 2
        b, now = b + step, parts(b + step)
        if abs(step) * now[2] ** 0.5 < 1e-11:
            break
    return b, now[2] ** -0.5, now[0]


@given(SEEDS, st.integers(12, 40), st.booleans(), st.integers(1, 3))
@settings(deadline=None, max_examples=25)
def test_the_kernel_is_its_plain_twin(seed, n, efron, n_strata):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.normal(size=n), rng.integers(0, 3, n), rng.normal(size=n) * 1e4 + 1e6])
    time, event = rng.integers(1, 9, n).astype(float), rng.uniform(size=n) < 0.6
    event[0] = True
    strata = rng.integers(0, n_strata, n)
    screen = univariate_screen(
        x,
        SurvivalTarget(time, event),
        strata=strata,
        ties="efron" if efron else "breslow",
    )
    for j in np.flatnonzero(screen.is_fitted & (np.abs(screen.z) > 1e-4)):
        b, std_error, value = twin(x[:, j], time, event, strata, efron=efron)
        assert screen.coefficient[j] == pytest.approx(b, rel=1e-7, abs=1e-9 * std_error)
        assert screen.standard_error[j] == pytest.approx(std_error, rel=1e-7)
        assert screen.log_likelihood[j] == pytest.approx(value, rel=1e-10, abs=1e-10)


def test_it_is_one_stratified_cox_model_a_column(sample):
    x, target = sample
    wide = np.hstack([x * 10.0**k for k in range(-40, 40, 4)])
    strata = np.arange(target.n) % 2
    screen = univariate_screen(wide, target, strata=strata)
    for number in (0, 17, wide.shape[1] - 1):
        fit = fit_cox(wide[:, [number]], target, strata=strata)
        assert screen.coefficient[number] == pytest.approx(fit.coefficients[0], rel=1e-9)
        assert screen.standard_error[number] == pytest.approx(fit.standard_errors[0], rel=1e-9)
        assert screen.score_test[number] == pytest.approx(fit.score_test, rel=1e-9)
        assert screen.likelihood_ratio_test[number] == pytest.approx(
            2 * (fit.log_likelihood - fit.log_likelihood_null), rel=1e-9
        )


@given(SEEDS, st.floats(0.01, 100), st.floats(-50, 50).filter(lambda unit: abs(unit) > 0.01))
@settings(deadline=None, max_examples=25)
def test_units_order_and_sign_change_nothing_but_themselves(seed, unit_of_time, unit):
    rng = np.random.default_rng(seed)
    x, time = rng.normal(size=(60, 3)), rng.integers(1, 30, 60) * 1.0
    event = rng.uniform(size=60) < 0.7
    one = univariate_screen(x, SurvivalTarget(time, event))
    rows = rng.permutation(60)
    other = univariate_screen(
        (unit * x + 3.0)[rows], SurvivalTarget(time[rows] * unit_of_time, event[rows])
    )
    np.testing.assert_allclose(other.z, np.sign(unit) * one.z, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(other.coefficient * unit, one.coefficient, rtol=1e-7, atol=1e-9)
    reverse = univariate_screen(x[:, ::-1], SurvivalTarget(time, event))
    np.testing.assert_array_equal(reverse.p_value[::-1], one.p_value)


def test_doubled_patients_halve_the_variance_of_breslow(sample):
    x, target = sample
    one = univariate_screen(x, target, ties="breslow")
    doubled = target.subset(np.repeat(np.arange(target.n), 2))
    two = univariate_screen(np.repeat(x, 2, axis=0), doubled, ties="breslow")
    np.testing.assert_allclose(two.coefficient, one.coefficient, rtol=1e-9)
    np.testing.assert_allclose(two.standard_error, one.standard_error / 2**0.5, rtol=1e-9)


def test_a_column_without_an_estimate_says_why(sample):
    x, target = sample
    never_dies = np.zeros(target.n)
    never_dies[np.flatnonzero(~target.event)[:5]] = 1
    missing, infinite = x[:, 0].copy(), x[:, 0].copy()
    missing[3], infinite[4] = np.nan, np.inf
    first = np.argmin(target.time_days)
    before_all_deaths = np.zeros(target.n)
    target = SurvivalTarget(target.time_days.copy(), target.event.copy())
    target.time_days[first], target.event[first] = 0.5, False
    before_all_deaths[first] = 1
    rounding = 1e6 + 1e-8 * x[:, 0]
    table = np.column_stack(
        [x[:, 0], np.ones(target.n), never_dies, missing, infinite, before_all_deaths, rounding]
    )
    names = ("a", "ones", "never", "missing", "infinite", "early", "rounding")
    screen = univariate_screen(table, target)
    assert screen.status.tolist() == [
        ScreenStatus.FITTED,
        ScreenStatus.CONSTANT,
        ScreenStatus.SEPARATES,
        ScreenStatus.NOT_FINITE,
        ScreenStatus.NOT_FINITE,
        ScreenStatus.CONSTANT,
        ScreenStatus.CONSTANT,
    ]
    for values in (screen.coefficient, screen.standard_error, screen.z, screen.p_value):
        assert np.isnan(values).tolist() == [False] + [True] * 6
    assert screen.adjusted_p_value[0] == screen.p_value[0]
    sentences = screen.problems(names)
    assert len(sentences) == 6
    assert sentences[0] == (
        "column 'ones' is constant among the patients at risk when the 69 deaths occur; "
        "leave it out"
    )
    assert "column 'never' separates the 69 deaths" in sentences[1]
    assert "column 'missing' holds 1 values that are missing or infinite" in sentences[2]


@given(SEEDS, st.integers(4, 12))
@settings(deadline=None, max_examples=40)
def test_separation_is_found_exactly_where_the_likelihood_has_no_maximum(seed, n):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, (n, 4)) * 1.0
    time, event = rng.integers(1, 6, n) * 1.0, rng.uniform(size=n) < 0.5
    event[0] = True
    screen = univariate_screen(x, SurvivalTarget(time, event))
    for j in range(4):
        deaths = np.flatnonzero(event)
        high = all(x[i, j] == x[time >= time[i], j].max() for i in deaths)
        low = all(x[i, j] == x[time >= time[i], j].min() for i in deaths)
        expected = "constant" if high and low else "separates" if high or low else "fitted"
        assert screen.status[j] == expected


def test_one_death_and_deaths_at_one_time_give_estimates_or_reasons():
    time, x = np.arange(1.0, 9.0), np.array([3.0, 1, 4, 1, 5, 9, 2, 6])[:, None]
    one = univariate_screen(x, SurvivalTarget(time, time == 3))
    assert one.is_fitted[0]
    highest = univariate_screen(x, SurvivalTarget(time, time == 6))
    assert highest.status[0] == ScreenStatus.SEPARATES
    together = univariate_screen(x, SurvivalTarget(np.full(8, 5.0), time < 5))
    assert together.is_fitted[0]
    everyone = univariate_screen(x, SurvivalTarget(np.full(8, 5.0), time > 0), ties="breslow")
    assert everyone.coefficient[0] == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("outlier", [1e3, -1e3, 1e6, -1e8])
def test_far_outliers_do_not_stop_it(outlier, sample):
    x, target = sample
    x[0] = outlier
    screen = univariate_screen(x, target)
    fit = fit_cox(x[:, [1]], target)
    assert screen.coefficient[1] == pytest.approx(fit.coefficients[0], rel=1e-6)
    assert screen.standard_error[1] == pytest.approx(fit.standard_errors[0], rel=1e-6)


def test_what_cannot_be_screened_is_said(sample):
    x, target = sample
    alive = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    with pytest.raises(NoEventsInArm, match="none of the 120 patients"):
        univariate_screen(x, alive)
    with pytest.raises(FitFailed, match="a row for each of the 120 patients"):
        univariate_screen(x[:50], target)
    with pytest.raises(FitFailed, match="strata"):
        univariate_screen(x, target, strata=np.zeros(3, dtype=int))


def test_a_stratum_without_deaths_adds_nothing(sample):
    x, target = sample
    strata = (np.arange(target.n) % 3).astype(int)
    event = target.event & (strata != 1)
    with_it = univariate_screen(x, SurvivalTarget(target.time_days, event), strata=strata)
    rows = strata != 1
    without = univariate_screen(
        x[rows], SurvivalTarget(target.time_days[rows], event[rows]), strata=strata[rows]
    )
    np.testing.assert_allclose(with_it.coefficient, without.coefficient, rtol=1e-9)


def test_exponentials_are_those_of_the_library():
    from components.survival.screen_kernel import exponentials

    z, out = np.linspace(-1, 1, 101), np.empty(101)
    for b in (0.0, 1e-9, -0.3, 5.0, -70.0, 600.0):
        exponentials(z, b, out)
        np.testing.assert_allclose(out, [exp(b * one) for one in z], rtol=1e-12)
