"""Restricted means of the risk groups, and what is drawn of their curves."""

import numpy as np
import pytest
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

from components.arms.metrics import evaluation_metrics
from components.arms.risk_groups import risk_groups
from components.arms.scored import ScoredPatients
from components.study.vocabulary import ModelKind, RiskGroup, Split, TreatmentArm
from components.survival.target import SurvivalTarget

COMBINED = ModelKind.COMBINED


@pytest.fixture
def grouped(protocol, models):
    """grouped(target, lp): the risk groups of patients with a linear predictor, cut at 0."""

    def group(target, linear_predictor):
        scored = ScoredPatients(
            arm=TreatmentArm.TACE,
            kind=COMBINED,
            split=Split.TEST,
            model=models.models[COMBINED],
            target=target,
            linear_predictor=np.asarray(linear_predictor, dtype=float),
            horizons_days=(),
            not_estimable={},
            not_predictable={},
        )
        return risk_groups(scored, 0.0, protocol.evaluation)

    return group


def test_restricted_means_are_the_areas_of_lifelines_curves(models, test):
    groups = next(
        one for one in models.risk_groups if (one.kind, one.split) == (COMBINED, Split.TEST)
    )
    lp, tau = models.models[COMBINED].linear_predictor(test), groups.rmst.tau_days
    for found, part in (
        (groups.rmst.first, test[lp <= groups.cutoff]),
        (groups.rmst.second, test[lp > groups.cutoff]),
    ):
        curve = KaplanMeierFitter().fit(part["os_days"], part["death"])
        assert found.value == pytest.approx(restricted_mean_survival_time(curve, t=tau))
        assert (found.n, found.horizon_days) == (len(part), tau)
    assert groups.rmst.difference.value < 0
    metrics = evaluation_metrics(models)
    name = f"test/{models.arm.value}/combined/rmst_high_minus_low"
    assert metrics[name] == groups.rmst.difference.value


def test_each_group_still_has_patients_at_risk_at_the_last_day(models, train, protocol):
    enough = protocol.evaluation.minimum_at_risk_after
    for groups in models.risk_groups:
        if groups.split is Split.TRAIN:
            lp = models.models[groups.kind].linear_predictor(train)
            for part in (train[lp <= groups.cutoff], train[lp > groups.cutoff]):
                assert (part["os_days"] > groups.rmst.tau_days).sum() >= enough


def test_a_small_group_has_no_restricted_mean(grouped):
    rng = np.random.default_rng(1)
    target = SurvivalTarget.of(np.ceil(rng.exponential(500, 60)), np.arange(60) % 3 > 0)
    assert grouped(target, np.where(np.arange(60) < 4, 1.0, -1.0)).rmst is None
    assert grouped(target, np.where(np.arange(60) < 30, 1.0, -1.0)).rmst is not None
    assert grouped(target, np.full(60, 1.0)).rmst is None


def test_limits_are_drawn_on_where_the_curve_has_reached_0(grouped):
    target = SurvivalTarget.of([3, 5, 8, 4, 9, 10], [1, 1, 1, 0, 0, 0])
    high = grouped(target, [1, 1, 1, -1, -1, -1]).curves[RiskGroup.HIGH]
    assert high.survival[-1] == 0.0
    assert (high.lower[-1], high.upper[-1]) == (high.lower[-2], high.upper[-2])
    alone = grouped(target, [-1, -1, 1, -1, -1, -1]).curves[RiskGroup.HIGH]
    assert (alone.lower, alone.upper) == ((0.0,), (1.0,))
