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
from components.cohort.endpoint import survival_target
from components.study.vocabulary import ModelKind, RiskGroup, Split
from components.survival.brier import null_brier_score
from tests.arms.conftest import fit

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
    # Two references, two splits; C, Uno's C, and AUC and Brier score at three horizons.
    assert len(models.differences) == 2 * 2 * (2 + 2 * 3)
    assert {one.reference for one in models.differences} == {CLINICAL, ModelKind.DLRADIOMICS}
    for one in models.differences:
        a = models.evaluation(one.kind, one.split).estimates[one.estimator]
        b = models.evaluation(one.reference, one.split).estimates[one.estimator]
        assert one.estimate.value == pytest.approx(a.value - b.value, abs=1e-12)
        # Paired: two scores of the same patients go together.
        assert one.estimate.upper - one.estimate.lower < (a.upper - a.lower) + (b.upper - b.lower)


def test_p_value_belongs_to_the_interval(models):
    """Below 0.05 exactly where the 95% interval leaves 0 out."""
    for one in models.differences:
        leaves_out = one.estimate.lower > 0 or one.estimate.upper < 0
        assert (one.p_value < 0.05) == leaves_out


def test_integrated_brier_score_lies_between_those_of_the_horizons(estimates):
    """It is their mean over time from 0, where the score is 0."""
    last = estimates["c_uno"].horizon_days
    assert estimates["ibs"].horizon_days == last
    assert (
        0 < estimates["ibs"].value < max(estimates[f"brier_{t}d"].value for t in (365, 730, 1095))
    )
    assert estimates["ibs"].lower < estimates["ibs"].value < estimates["ibs"].upper
    assert f"until day {last:g}" in estimates["ibs"].method
    assert f"up to day {last:g}" in estimates["c_uno"].method


def test_accuracy_is_what_the_brier_score_gains_on_kaplan_meier(estimates, test):
    target = survival_target(test)
    for days in (365, 730, 1095):
        null = null_brier_score(target, days).value
        expected = 1 - estimates[f"brier_{days}d"].value / null
        assert estimates[f"ipa_{days}d"].value == pytest.approx(expected)


def test_intercept_compares_the_deaths_with_those_expected(estimates, models, lp, test):
    tau = estimates["cal_intercept"].horizon_days
    seen = np.minimum(test["os_days"], tau).tolist()
    expected = models.models[COMBINED].baseline.at(seen) * np.exp(lp)
    deaths = ((test["death"] == 1) & (test["os_days"] <= tau)).sum()
    assert estimates["cal_intercept"].value == pytest.approx(np.log(deaths / expected.sum()))


def test_log_of_observed_over_expected_is_its_logarithm(estimates):
    for days in (365, 730, 1095):
        ratio, log = estimates[f"oe_{days}d"], estimates[f"cal_log_oe_{days}d"]
        assert np.log([ratio.value, ratio.lower]) == pytest.approx([log.value, log.lower])


def test_smooth_calibration_is_that_of_the_curve(models, estimates):
    for one in models.calibration:
        assert one.curve.horizon_days == one.horizon_days
        assert len(one.curve.predicted) == len(one.curve.observed) == len(one.curve.lower)
        band = zip(one.curve.lower, one.curve.observed, one.curve.upper, strict=True)
        assert np.mean([low <= value <= high for low, value, high in band]) > 0.9
        place = models.evaluation(one.kind, one.split).estimates
        assert place[f"ici_{one.horizon_days}d"] == one.curve.ici
        assert one.curve.ici.lower <= one.curve.ici.value <= one.curve.ici.upper
        assert one.curve.e50.value <= one.curve.e90.value


def test_net_benefit_at_the_lowest_thresholds_is_that_of_acting_always(models, protocol):
    assert len(models.decision_curves) == 2 * 3
    lowest, highest = protocol.evaluation.decision_thresholds
    for one in models.decision_curves:
        assert (one.thresholds[0], one.thresholds[-1]) == (lowest, highest)
        assert np.allclose(np.diff(one.thresholds), 0.01)
        assert set(one.models) == set(ModelKind)
        for benefit in one.models.values():
            assert len(benefit) == len(one.thresholds)
            # Acting on a threshold below every predicted risk is acting always.
            assert max(v for v in benefit if v is not None) >= one.treat_all[0] - 0.02
        assert one.treat_all[-1] < -1


def test_without_thresholds_there_is_no_decision_curve(protocol, train, test):
    section = protocol.evaluation.model_copy(update={"decision_thresholds": None})
    silent = protocol.model_copy(update={"evaluation": section})
    assert fit(silent, train, test).decision_curves == ()


def test_incident_dynamic_auc_is_an_option(protocol, estimates, train, test):
    assert not any(name.startswith("auc_id") for name in estimates)
    section = protocol.evaluation.model_copy(update={"incident_dynamic": True})
    asked = fit(protocol.model_copy(update={"evaluation": section}), train, test)
    found = asked.evaluation(COMBINED, Split.TEST).estimates
    for days in protocol.study.horizons_days:
        assert 0.5 < found[f"auc_id_{days}d"].value < 1
        assert found[f"auc_id_{days}d"].value != found[f"auc_cd_{days}d"].value


def test_the_same_seed_gives_the_same_intervals(models, protocol, train, test):
    assert fit(protocol, train, test).calibration == models.calibration


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
    assert "test/hepatectomy/combined_minus_dlradiomics/brier_365d_lower" in metrics
    assert {"ibs", "ici_365d", "ipa_730d", "cal_intercept", "cal_log_oe_1095d"} <= {
        name.rpartition("/")[2] for name in metrics
    }
    assert "apparent/hepatectomy/dlradiomics/hr_high_low" in metrics
    assert not any(name.startswith("train/") or "@" in name for name in metrics)
    assert all(np.isfinite(value) for value in metrics.values())


def test_what_is_not_estimable_is_no_metric(null_models):
    metrics = evaluation_metrics(null_models)
    assert "test/hepatectomy/dlradiomics/c_harrell" not in metrics
    assert "test/hepatectomy/combined_minus_clinical/c_harrell" not in metrics
    assert "test/hepatectomy/combined/c_harrell" in metrics
