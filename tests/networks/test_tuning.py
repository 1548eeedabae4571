import numpy as np
import pytest

from components.errors import FitFailed
from components.networks.tuning import (
    arm_figures,
    mean_figure,
    mean_standard_error,
    plan_tuning,
)
from components.study.vocabulary import TreatmentArm
from components.survival.discrimination import auc_ipcw, uno_c
from components.survival.target import SurvivalTarget


def two_arms(n=400, seed=0):
    """Hepatectomy is followed beyond three years, TACE for two at most."""
    rng = np.random.default_rng(seed)
    arms = np.where(np.arange(n) % 2 == 0, "hepatectomy", "tace")
    score = rng.normal(size=n)
    death = rng.exponential(900 * np.exp(-0.7 * score))
    censored = np.where(arms == "tace", rng.uniform(200, 730, n), rng.uniform(700, 2500, n))
    target = SurvivalTarget.of(np.minimum(death, censored) + 1, death <= censored)
    return target, arms, score


def test_an_arm_without_follow_up_to_the_horizon_is_tuned_on_unos_c(evaluation):
    target, arms, score = two_arms()
    plan = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)

    tace = plan.arms[TreatmentArm.TACE]
    assert plan.arms[TreatmentArm.HEPATECTOMY].estimator == "auc_cd"
    assert tace.estimator == "c_uno"
    seen_beyond = [np.sum(target.time_days[arms == "tace"] > tace.horizon_days + d) for d in (0, 1)]
    assert seen_beyond[0] >= evaluation.minimum_at_risk_after > seen_beyond[1]
    assert [a.asked for a in plan.adaptations] == [
        "tuning on the AUC at 1095 days within the TACE arm"
    ]

    figures = arm_figures(plan, target, arms, score, level=0.95)
    members = arms == "tace"
    expected = uno_c(target.subset(members), score[members], tau_days=tace.horizon_days)
    assert figures[TreatmentArm.TACE].value == expected.value
    expected_auc = auc_ipcw(target.subset(~members), score[~members], horizon_days=1095)
    assert mean_figure(list(figures.values())) == pytest.approx(
        (expected.value + expected_auc.value) / 2
    )


def test_an_arm_without_any_horizon_is_left_out_and_two_are_an_error(evaluation):
    target, arms, _ = two_arms()
    strict = evaluation.model_copy(update={"minimum_events_before": 110})
    plan = plan_tuning(target, arms, horizon_days=1095, evaluation=strict)

    assert set(plan.arms) == {TreatmentArm.HEPATECTOMY}
    assert [a.done for a in plan.adaptations] == ["the arm is left out of the tuning target"]

    with pytest.raises(FitFailed, match="at least 190 deaths before"):
        plan_tuning(
            target,
            arms,
            horizon_days=1095,
            evaluation=evaluation.model_copy(update={"minimum_events_before": 190}),
        )


def test_the_standard_error_is_that_of_the_bootstrap(evaluation):
    target, arms, score = two_arms(seed=4)
    plan = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)
    rng = np.random.default_rng(2)

    def value(rows):
        figures = arm_figures(plan, target.subset(rows), arms[rows], score[rows], level=0.95)
        return mean_figure(list(figures.values()))

    found = [value(rng.integers(0, target.n, target.n)) for _ in range(300)]
    # Some draws leave out all who are followed up to an arm's tau.
    bootstrapped = [one for one in found if one is not None]
    assert len(bootstrapped) > 270

    stated = mean_standard_error(list(arm_figures(plan, target, arms, score, level=0.95).values()))
    # 300 draws know a standard deviation to 4%.
    assert stated == pytest.approx(np.std(bootstrapped), rel=0.15)
