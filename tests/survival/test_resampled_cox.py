"""Refits to many resamples at once against one fit after another."""

import numpy as np
import pytest

from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard
from components.survival.resampled_cox import draw_resamples, refit_resampled
from components.survival.target import SurvivalTarget

HORIZON = 40.0


@pytest.fixture
def refitted(sample):
    x, target = sample
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    rows = draw_resamples(target.n, n_resamples=30, rng=np.random.default_rng(1))
    start = fit_cox(x, target, ties="breslow").coefficients
    return x, target, rows, refit_resampled(x, target, rows, start=start, horizon_days=HORIZON)


def test_each_resample_has_the_fit_of_its_patients(refitted):
    x, target, rows, own = refitted
    assert own.is_fitted.all()
    for number, drawn in enumerate(rows):
        part = target.subset(drawn)
        fit = fit_cox(x[drawn], part, ties="breslow")
        times, hazard = baseline_hazard(x[drawn] @ fit.coefficients, part, ties="breslow")
        at_horizon = hazard[np.searchsorted(times, HORIZON, side="right") - 1]
        assert own.coefficients[number] == pytest.approx(fit.coefficients, rel=1e-6)
        assert own.cumulative_hazard[number] == pytest.approx(at_horizon, rel=1e-6)
        risk = 1 - np.exp(-at_horizon * np.exp(x[:5] @ fit.coefficients))
        assert own.risk(x[:5])[:, number] == pytest.approx(risk, rel=1e-6)


def test_the_resamples_are_the_patients_again(sample):
    _, target = sample
    rows = draw_resamples(target.n, n_resamples=500, rng=np.random.default_rng(2))
    assert rows.shape == (500, target.n)
    assert (rows.min(), rows.max()) == (0, target.n - 1)
    missed = np.mean([np.unique(drawn).size / target.n for drawn in rows])
    assert missed == pytest.approx(1 - np.exp(-1), abs=0.01)


def test_a_resample_without_a_death_has_no_fit():
    target = SurvivalTarget.of([5, 10, 20, 30], [1, 1, 0, 1])
    x = np.array([[-1.0], [1.0], [0.5], [-0.5]])
    rows = np.array([[2, 2, 2, 2], [0, 1, 2, 3]])
    own = refit_resampled(x, target, rows, start=np.zeros(1), horizon_days=12)
    assert own.is_fitted.tolist() == [False, True]
