import numpy as np
import pytest

from components.errors import UsageError
from components.survival.calibration import (
    brier_score,
    calibration_by_group,
    calibration_slope,
    observed_expected,
)
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


@pytest.mark.parametrize("dataset", DATASETS)
def test_brier_score_agrees_with_risk_regression(dataset, values, inputs, std_error):
    table = inputs(dataset).iloc[: 1500 if dataset == "rotterdam" else None]
    target = SurvivalTarget.of(table["time"], table["event"])
    for cell in values(dataset, "time_roc_brier")["riskRegression"]["Brier"]:
        if cell["model"] == "Null model":
            continue
        column = f"{'risk' if cell['model'] == 'lp' else 'risk2'}_{cell['time']}"
        own = brier_score(target, 1 - table[column].to_numpy(float), cell["time"])
        assert own.value == pytest.approx(cell["Brier"], rel=1e-8)
        assert std_error(own) == pytest.approx(cell["se"], rel=1e-6)


def test_what_cannot_be_estimated_is_said(sample):
    _, target = sample
    constant = calibration_slope(target, np.zeros(target.n))
    assert constant.value is None
    assert "'linear predictor' is constant" in constant.note
    assert brier_score(target, np.full(target.n, 0.5), 1e5).value is None
    assert observed_expected(target, np.full(target.n, 0.5), 1e5).value is None
    assert observed_expected(target, np.ones(target.n), 40).value is None
    with pytest.raises(UsageError, match="at least 2"):
        calibration_by_group(target, np.full(target.n, 0.5), horizon_days=40, n_groups=1)


def test_equal_predictions_stay_in_one_group(sample):
    _, target = sample
    predicted = np.where(np.arange(target.n) < 100, 0.8, 0.3)
    groups = calibration_by_group(target, predicted, horizon_days=40, n_groups=5)
    assert [group.n for group in groups] == [100, 20]
