"""Bad input: each kind has its own message with column and counts, or a documented answer."""

import numpy as np
import pytest

from components.errors import CohortRejected, FitFailed, NoEventsInArm, UsageError
from components.survival.newton import fit_cox
from components.survival.target import SurvivalTarget


def dying(n, *, alive=()):
    """n patients who die one a day, but for those `alive`."""
    event = np.ones(n, dtype=bool)
    event[list(alive)] = False
    return SurvivalTarget(np.arange(1.0, n + 1), event)


def test_rows_that_do_not_fit_are_refused(sample):
    x, target = sample
    with pytest.raises(CohortRejected, match=r"120 patients and 2 columns, came \(119, 2\)"):
        fit_cox(x[1:], target)
    with pytest.raises(CohortRejected, match="120 patients and 3 columns"):
        fit_cox(x, target, columns=("a", "b", "c"))


def test_missing_and_infinite_values_are_counted_by_column(sample):
    x, target = sample
    x[3, 1], x[7, 1], x[8, 1] = np.inf, -np.inf, np.nan
    with pytest.raises(FitFailed, match=r"column 'b' .*\(1 missing, 2 infinite of 120\)"):
        fit_cox(x, target, columns=("a", "b"))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(119), r"each of 120 patients, came an array of \(119,\)"),
        (np.r_[-1.0, -2.0, np.ones(118)], "2 of 120 are negative and 0 missing"),
        (np.r_[np.nan, np.inf, np.ones(118)], "0 of 120 are negative and 2 missing or infinite"),
        (np.zeros(120), "all 120 are 0"),
    ],
)
def test_case_weights_that_weigh_nothing_are_refused(sample, weights, message):
    x, target = sample
    with pytest.raises(CohortRejected, match=message):
        fit_cox(x, target, weights=weights)


def test_a_weight_of_0_leaves_the_patient_out_also_of_tied_deaths(sample):
    x, target = sample
    weights = np.ones(120)
    weights[::4] = 0
    kept = weights > 0
    own, without = fit_cox(x, target, weights=weights), fit_cox(x[kept], target.subset(kept))
    np.testing.assert_allclose(own.coefficients, without.coefficients, rtol=1e-12)
    assert (own.n, own.n_events) == (90, without.n_events)
    assert own.notes == ("30 patients of weight 0 were left out",)
    n_alive = int((~target.event).sum())
    with pytest.raises(NoEventsInArm, match=f"none of the {n_alive} patients of weight"):
        fit_cox(x, target, weights=np.where(target.event, 0.0, 1.0))


def test_the_exact_likelihood_knows_no_weights(sample):
    x, target = sample
    with pytest.raises(UsageError, match="no case weights"):
        fit_cox(x, target, ties="exact", weights=np.full(120, 2.0))
    only_some = np.where(np.arange(120) < 100, 1.0, 0.0)
    assert fit_cox(x, target, ties="exact", weights=only_some).n == 100


def test_more_parameters_than_deaths_are_counted_and_ridge_helps(sample):
    _, target = sample
    rng = np.random.default_rng(1)
    few = SurvivalTarget(target.time_days, np.arange(120) < 3)
    wide = rng.normal(size=(120, 5))
    with pytest.raises(FitFailed, match="5 parameters cannot be estimated from 3 deaths among 120"):
        fit_cox(wide, few)
    assert np.isfinite(fit_cox(wide, few, ridge=1.0).coefficients).all()
    more_than_patients = rng.normal(size=(6, 8))
    with pytest.raises(FitFailed, match=r"8 parameters .* 6 deaths among 6"):
        fit_cox(more_than_patients, dying(6))


def test_constant_columns_say_where_they_are_constant(sample):
    x, target = sample
    with pytest.raises(FitFailed, match="'b' is constant among all 120 patients"):
        fit_cox(np.column_stack([x[:, 0], np.full(120, 0.1)]), target, columns=("a", "b"))
    strata = np.arange(120) % 2
    with pytest.raises(FitFailed, match="'b' is constant among the patients at risk when deaths"):
        fit_cox(np.column_stack([x[:, 0], strata]), target, columns=("a", "b"), strata=strata)


def test_repeated_columns_are_named_but_a_close_pair_is_fitted(sample):
    x, target = sample
    with pytest.raises(FitFailed, match="a, c repeat each other"):
        fit_cox(np.column_stack([x, 2 * x[:, 0] + 1]), target, columns=("a", "b", "c"))
    rng = np.random.default_rng(0)
    # Correlation 0.999999: a variance a million times larger is no separation.
    near = np.column_stack([x[:, 0], x[:, 0] + 1e-3 * rng.normal(size=120)])
    assert np.isfinite(fit_cox(near, target).standard_errors).all()


@pytest.mark.parametrize("ties", ["efron", "breslow", "exact"])
def test_separation_is_named_with_counts(sample, ties):
    x, target = sample
    level = np.zeros(120)
    level[np.flatnonzero(~target.event)[:6]] = 1
    design = np.column_stack([x[:, 0], level])
    with pytest.raises(FitFailed, match=r"'stage=C' separates .*\(0 of 6 with it died, 70"):
        fit_cox(design, target, columns=("age", "stage=C"), ties=ties)
    assert np.isfinite(fit_cox(design, target, ties=ties, ridge=1.0).standard_errors).all()


def test_separation_within_strata_and_under_weights_is_found(sample):
    x, target = sample
    strata = np.arange(120) % 2
    level = np.zeros(120)
    level[np.flatnonzero(~target.event & (strata == 0))[:5]] = 1
    # In the other stratum everyone has the level: only the first one speaks, and it separates.
    level[strata == 1] = 1
    design = np.column_stack([x[:, 0], level])
    with pytest.raises(FitFailed, match="'level' separates the deaths from the others within the"):
        fit_cox(design, target, columns=("age", "level"), strata=strata)
    died_with_it = target.event & (level == 1) & (strata == 0)
    assert not died_with_it.any()
    # Those who died with the level weigh nothing.
    level = (x[:, 1] > 0.5).astype(float)
    weights = np.where((level == 1) & target.event, 0.0, 1.5)
    n_with = int(((level == 1) & ~target.event).sum())
    with pytest.raises(FitFailed, match=rf"'level' separates .*\(0 of {n_with} with it died"):
        fit_cox(level.reshape(-1, 1), target, columns=("level",), weights=weights)


def test_columns_that_separate_only_together_are_named_together():
    rng = np.random.default_rng(4)
    n = 60
    a = rng.normal(size=n)
    b = -a + np.linspace(3, -3, n)
    with pytest.raises(FitFailed, match=r"column '[ab]' .*together with '[ab]'.* separates"):
        fit_cox(np.column_stack([a, b]), dying(n), columns=("a", "b"))


def test_a_strong_effect_is_no_separation():
    rng = np.random.default_rng(6)
    x = rng.normal(size=400)
    time = rng.exponential(np.exp(-3 * x))
    fit = fit_cox(x.reshape(-1, 1), SurvivalTarget.of(time, np.ones(400)))
    assert fit.coefficients[0] == pytest.approx(3.0, abs=0.4)


def test_one_patient_and_one_death_have_no_estimate():
    with pytest.raises(FitFailed, match="'#0' is constant among all 1 patients"):
        fit_cox(np.ones((1, 1)), dying(1))
    with pytest.raises(FitFailed, match=r"separates .*\(1 of 9 patients died\)"):
        fit_cox(np.arange(9.0).reshape(-1, 1), dying(9, alive=range(1, 9)))
