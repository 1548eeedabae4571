import numpy as np
import pytest

from components.survival.incident_dynamic import incident_dynamic_auc
from components.survival.newton import fit_cox
from components.survival.target import SurvivalTarget


def by_brute_force(target, score, slope, horizon):
    """True and false positive rates at every cut, as Heagerty and Zheng define them."""
    at_risk, beyond = target.time_days >= horizon, target.time_days > horizon
    weight = np.exp(slope * score[at_risk])
    cuts = np.concatenate([[np.inf], np.unique(score)[::-1], [-np.inf]])
    true = [weight[score[at_risk] > cut].sum() / weight.sum() for cut in cuts]
    false = [np.mean(score[beyond] > cut) for cut in cuts]
    return np.sum(np.diff(false) * (np.add(true[1:], true[:-1]) / 2))


@pytest.mark.parametrize("digits", [8, 0])
def test_it_is_the_area_below_the_curve_of_its_definition(sample, digits):
    x, target = sample
    score = np.round(x[:, 0], digits)
    slope = fit_cox(score.reshape(-1, 1), target).coefficients[0]
    for horizon in (10, 20, 45):
        own = incident_dynamic_auc(target, score, horizon_days=horizon)
        assert own.value == pytest.approx(by_brute_force(target, score, slope, horizon))
        assert own.lower < own.value < own.upper
        assert own.horizon_days == horizon


def test_its_interval_is_that_of_leaving_patients_out(sample, std_error):
    x, target = sample
    score, everyone = x[:, 0], np.arange(target.n)
    left_out = [
        incident_dynamic_auc(
            target.subset(everyone != i), score[everyone != i], horizon_days=20
        ).value
        for i in everyone
    ]
    jackknife = np.sqrt((target.n - 1) * np.var(left_out))
    own = incident_dynamic_auc(target, score, horizon_days=20)
    assert std_error(own) == pytest.approx(jackknife, rel=0.05)


def test_it_knows_neither_the_unit_of_time_nor_of_the_score_nor_the_order(sample):
    x, target = sample
    own = incident_dynamic_auc(target, x[:, 0], horizon_days=20)
    order = np.random.default_rng(1).permutation(target.n)
    moved = SurvivalTarget(target.time_days / 30, target.event).subset(order)
    other = incident_dynamic_auc(moved, 5 + 10 * x[order, 0], horizon_days=20 / 30)
    assert [other.value, other.lower, other.upper] == pytest.approx(
        [own.value, own.lower, own.upper], rel=1e-6
    )


def test_a_score_without_effect_has_half(sample):
    _, target = sample
    noise = np.random.default_rng(0).normal(size=(target.n, 200)).T
    found = [incident_dynamic_auc(target, score, horizon_days=15).value for score in noise]
    # The slope's sign follows the noise, so the mean lies a little above.
    assert 0.5 < np.mean(found) < 0.53


def test_what_cannot_be_estimated_is_said(sample):
    x, target = sample
    late = incident_dynamic_auc(target, x[:, 0], horizon_days=1e4)
    assert late.value is None
    assert "follow-up ends at day" in late.note
    constant = incident_dynamic_auc(target, np.zeros(target.n), horizon_days=20)
    assert "'score' is constant" in constant.note
    nobody = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    assert incident_dynamic_auc(nobody, x[:, 0], horizon_days=20).value is None
