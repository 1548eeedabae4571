"""A published model in own patients: known answers, and why a figure is missing."""

from pathlib import Path

import numpy as np
import pytest

from components.arms.published import NO_BASELINE, PublishedBaseline
from components.arms.published_patients import match_patients
from components.arms.scoring import PublishedScore, score_published
from components.cohort.schema import PREDICTORS as CODEBOOK
from components.study.protocol import read_protocol
from components.study.vocabulary import DataOrigin, TreatmentArm
from components.survival.calibration import calibration_slope
from components.survival.discrimination import harrell_c
from tests.arms.published_models import COEFFICIENTS, MEDIAN_DAYS, draw_patients, true_model

PROTOCOL = read_protocol(Path(__file__).parents[2] / "flows" / "protocols" / "sound.yaml")
HORIZONS = (365, 730, 1095)


def scored(model, table, horizons=HORIZONS):
    return score_published(
        model,
        match_patients(model, table, CODEBOOK),
        arm=TreatmentArm.TACE,
        origin=DataOrigin.SYNTHETIC,
        horizons_days=horizons,
        evaluation=PROTOCOL.evaluation,
        seed=1,
    )


@pytest.fixture(scope="module")
def table():
    return draw_patients(400, seed=21)


@pytest.fixture(scope="module")
def found(table):
    return scored(true_model(), table)


def test_coefficients_of_0_order_nobody(table):
    flat = scored(true_model(coefficients=dict.fromkeys(COEFFICIENTS, 0.0)), table)
    assert flat.estimates["c_harrell"].value == 0.5
    assert flat.estimates["auc_cd_730d"].value == pytest.approx(0.5)
    assert flat.estimates["c_uno"].value == pytest.approx(0.5)
    assert flat.estimates["cal_slope"].value is None


def test_the_true_model_is_calibrated_within_chance(found):
    for key, ideal in {
        "cal_slope": 1.0,
        "cal_intercept": 0.0,
        "oe_365d": 1.0,
        "oe_1095d": 1.0,
    }.items():
        estimate = found.estimates[key]
        assert estimate.lower < ideal < estimate.upper, key
    assert found.estimates["c_harrell"].value > 0.6
    assert 0 < found.estimates["ibs"].value < 0.25
    assert found.estimates["ici_730d"].value < 0.06
    assert found.estimates["ipa_730d"].value > 0


def test_the_figures_are_those_of_the_printed_linear_predictor(found, table):
    target = match_patients(true_model(), table, CODEBOOK).target
    lp = true_model().linear_predictor(table)
    assert found.estimates["c_harrell"].value == harrell_c(target, lp).value
    expected = calibration_slope(target, lp, level=0.95)
    assert found.estimates["cal_slope"] == expected


def test_twice_the_hazard_is_seen_in_the_large(table):
    doubled = scored(true_model(offset=-np.log(2.0)), table)
    right = scored(true_model(), table)
    shift = doubled.estimates["cal_intercept"].value - right.estimates["cal_intercept"].value
    assert shift == pytest.approx(np.log(2.0))
    c = right.estimates["c_harrell"].value
    assert doubled.estimates["c_harrell"].value == pytest.approx(c, abs=1e-4)


def test_without_a_baseline_it_ranks_and_predicts_nothing(table):
    ranked = scored(true_model(baseline=None), table)
    assert ranked.estimates["c_harrell"].value > 0.6
    assert ranked.estimates["auc_cd_365d"].value > 0.6
    assert ranked.calibration == {}
    for key in ("brier_365d", "ipa_730d", "oe_365d", "ici_1095d", "ibs", "cal_intercept"):
        assert ranked.estimates[key].value is None
        assert ranked.estimates[key].note == NO_BASELINE


def test_a_horizon_that_was_not_printed_is_not_predicted(table, found):
    printed = np.array([365.0, 730.0])
    baseline = PublishedBaseline(
        kind="horizons",
        times_days=tuple(printed.tolist()),
        survival=tuple(np.exp(-np.log(2) * printed / MEDIAN_DAYS).tolist()),
    )
    at_two = scored(true_model(baseline=baseline), table)
    assert at_two.estimates["brier_730d"].value == pytest.approx(
        found.estimates["brier_730d"].value, abs=1e-3
    )
    assert "at 365, 730 days alone" in at_two.estimates["brier_1095d"].note
    assert at_two.estimates["auc_cd_1095d"].value is not None
    assert at_two.estimates["ibs"].note == "the baseline is published at horizons alone"


def test_the_horizon_rule_holds(table):
    short = table.assign(os_days=table["os_days"].clip(upper=800))
    found = scored(true_model(), short)
    assert "0 patients seen beyond 1095 days" in found.estimates["auc_cd_1095d"].note
    assert "0 patients seen beyond 1095 days" in found.estimates["brier_1095d"].note
    assert set(found.roc) == set(found.calibration) == {365, 730}


def test_the_record_comes_back_exactly(found):
    assert PublishedScore.from_json(found.to_json()) == found
