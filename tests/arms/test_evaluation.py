"""Figures of a model against lifelines, scikit-survival and their definitions."""

import numpy as np
import pytest
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test
from lifelines.utils import concordance_index
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.metrics import concordance_index_ipcw, cumulative_dynamic_auc
from sksurv.util import Surv

from components.arms.metrics import evaluation_metrics
from components.study.vocabulary import ModelKind, RiskGroup, Split

COMBINED, CLINICAL = ModelKind.COMBINED, ModelKind.CLINICAL


@pytest.fixture(scope="module")
def lp(models, test):
    return models.models[COMBINED].linear_predictor(test)


@pytest.fixture(scope="module")
def structured(test):
    return Surv.from_arrays(test["death"] == 1, test["os_days"])


@pytest.fixture(scope="module")
def estimates(models):
    return models.evaluation(COMBINED, Split.TEST).estimates


def test_harrells_c_is_that_of_lifelines(estimates, lp, test):
    expected = concordance_index(test["os_days"], -lp, test["death"])
    assert estimates["c_harrell"].value == pytest.approx(expected, abs=1e-12)
    assert estimates["c_harrell"].lower < expected < estimates["c_harrell"].upper
    assert estimates["c_harrell"].level == 0.95
    assert (estimates["c_harrell"].n, estimates["c_harrell"].n_events) == (120, test["death"].sum())


def test_unos_c_is_near_scikit_survivals_up_to_the_same_tau(estimates, lp, structured):
    """The weights differ: 1/G(T-) as in R here, 1/G(T) there."""
    uno = estimates["c_uno"]
    expected = concordance_index_ipcw(structured, structured, lp, tau=uno.horizon_days)[0]
    assert uno.value == pytest.approx(expected, abs=5e-3)


def test_tau_is_the_last_day_with_enough_patients_beyond(estimates, test, protocol):
    tau = estimates["c_uno"].horizon_days
    beyond = protocol.evaluation.minimum_at_risk_after
    assert (test["os_days"] > tau).sum() >= beyond
    assert (test["os_days"] > tau + 1).sum() < beyond


def test_auc_is_near_scikit_survivals(estimates, lp, structured, protocol):
    days = list(protocol.study.horizons_days)
    expected, _ = cumulative_dynamic_auc(structured, structured, lp, days)
    ours = [estimates[f"auc_cd_{one}d"].value for one in days]
    assert ours == pytest.approx(expected.tolist(), abs=5e-3)


def test_the_slope_is_scikit_survivals_coefficient_of_the_linear_predictor(
    estimates, lp, structured
):
    other = CoxPHSurvivalAnalysis(ties="efron", tol=1e-12).fit(lp.reshape(-1, 1), structured)
    assert estimates["cal_slope"].value == pytest.approx(other.coef_[0], rel=1e-8)


def test_training_slope_of_an_unpenalised_model_is_one(models):
    apparent = models.evaluation(ModelKind.DLRADIOMICS, Split.TRAIN).estimates
    assert apparent["cal_slope"].value == pytest.approx(1, abs=1e-8)


def test_differences_are_those_of_the_two_figures(models):
    assert len(models.differences) == 4
    for one in models.differences:
        a = models.evaluation(one.kind, one.split).estimates[one.estimator]
        b = models.evaluation(one.reference, one.split).estimates[one.estimator]
        assert one.estimate.value == pytest.approx(a.value - b.value, abs=1e-12)
        # Paired: two scores of the same patients go together.
        assert one.estimate.upper - one.estimate.lower < (a.upper - a.lower) + (b.upper - b.lower)


def test_the_cut_off_is_the_training_median_in_both_splits(models, train, lp):
    expected = np.median(models.models[COMBINED].linear_predictor(train))
    groups = {one.split: one for one in models.risk_groups if one.kind == COMBINED}
    assert groups[Split.TRAIN].cutoff == groups[Split.TEST].cutoff == pytest.approx(expected)
    assert groups[Split.TRAIN].curves[RiskGroup.HIGH].n == 104
    assert groups[Split.TEST].curves[RiskGroup.HIGH].n == (lp > expected).sum()
    assert groups[Split.TEST].curves[RiskGroup.HIGH].n != 60  # not the median of the test patients


def test_risk_groups_agree_with_lifelines(models, test, lp):
    groups = next(
        one for one in models.risk_groups if (one.kind, one.split) == (COMBINED, Split.TEST)
    )
    high = test[lp > groups.cutoff]
    low = test[lp <= groups.cutoff]
    expected = logrank_test(high["os_days"], low["os_days"], high["death"], low["death"])
    assert groups.log_rank_p == pytest.approx(expected.p_value, rel=1e-8)
    hazard = CoxPHFitter().fit(
        test[["os_days", "death"]].assign(high=(lp > groups.cutoff).astype(float)),
        "os_days",
        "death",
    )
    assert groups.hazard_ratio.value == pytest.approx(hazard.hazard_ratios_["high"], rel=1e-5)
    assert groups.hazard_ratio.lower == pytest.approx(
        np.exp(hazard.confidence_intervals_.loc["high"].iloc[0]), rel=1e-4
    )
    curve = groups.curves[RiskGroup.HIGH]
    other = KaplanMeierFitter().fit(high["os_days"], high["death"])
    assert list(curve.survival) == pytest.approx(
        other.survival_function_at_times(curve.times_days).to_list(), abs=1e-12
    )
    assert curve.median.value == pytest.approx(other.median_survival_time_)
    for days, estimate in curve.survival_at.items():
        assert estimate.value == pytest.approx(float(other.predict(days)), abs=1e-12)
    at_risk = [(high["os_days"] >= days).sum() for days in groups.at_risk_days]
    assert list(curve.n_at_risk) == at_risk
    assert curve.n_at_risk[0] == curve.n
    assert len(groups.at_risk_days) <= 12


def test_calibration_groups_hold_every_patient_once(models, protocol):
    for one in models.calibration:
        n = 208 if one.split == Split.TRAIN else 120
        assert sum(group.n for group in one.groups) == n
        predicted = [group.mean_predicted for group in one.groups]
        assert predicted == sorted(predicted, reverse=True)  # from low to high risk
    places = {(one.kind, one.split, one.horizon_days) for one in models.calibration}
    assert len(places) == len(models.calibration) == 3 * 2 * 3


def test_roc_curves_enclose_their_area(models):
    assert len(models.roc_curves) == 3 * 2 * 3
    for one in models.roc_curves:
        area = np.trapezoid(one.true_positive_rate, one.false_positive_rate)
        assert area == pytest.approx(one.auc.value, abs=1e-9)
        stored = models.evaluation(one.kind, one.split).estimates[f"auc_cd_{one.horizon_days}d"]
        assert stored == one.auc


def test_metrics_have_the_names_of_the_project(models):
    metrics = evaluation_metrics(models)
    c = models.evaluation(COMBINED, Split.TEST).estimates["c_harrell"]
    assert metrics["test/hepatectomy/combined/c_harrell"] == c.value
    assert metrics["test/hepatectomy/combined/c_harrell_lower"] == c.lower
    assert metrics["test/hepatectomy/combined/c_harrell_upper"] == c.upper
    assert metrics["test/hepatectomy/nomogram/c_harrell_lower"] == c.lower
    assert "apparent/hepatectomy/clinical/auc_cd_1095d" in metrics
    assert "test/hepatectomy/combined_minus_clinical/c_harrell" in metrics
    assert "apparent/hepatectomy/dlradiomics/hr_high_low" in metrics
    assert not any(name.startswith("train/") or "@" in name for name in metrics)
    assert all(np.isfinite(value) for value in metrics.values())


def test_what_is_not_estimable_is_no_metric(null_models):
    metrics = evaluation_metrics(null_models)
    assert "test/hepatectomy/dlradiomics/c_harrell" not in metrics
    assert "test/hepatectomy/combined_minus_clinical/c_harrell" not in metrics
    assert "test/hepatectomy/combined/c_harrell" in metrics
