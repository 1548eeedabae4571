"""Calibration, the bootstrap on known resamples and decision curves, held against R.

Left out are the runs that depend on R's random numbers (`rms_validate`, `rms_calibrate_KM`) and the
adaptive hazard regression (`rms_calibrate_hare`, `rms_val_surv_hare`).
"""

import numpy as np
import pandas as pd
import pytest

from components.survival.calibration import (
    calibration_by_group,
    calibration_slope,
    observed_expected,
)
from components.survival.decision_curve import DecisionCurve
from components.survival.discrimination import harrell_c
from components.survival.kaplan_meier import kaplan_meier
from components.survival.newton import fit_cox
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree
from tests.reference.formulas import Formula

QUANTITY = "validation"
RTOL = 1e-8
Z_95 = 1.959963984540054
MARKERS = {"model": "risk", "single": "risk2"}


@pytest.fixture
def table(cell):
    return cell.table


@pytest.fixture
def target(table):
    return SurvivalTarget.of(table["time"], table["event"])


@pytest.fixture
def predicted(cell, table):
    """Predicted survival at R's horizon, of both models."""
    return {
        name: 1 - table[f"{column}_{cell.values['u']}"].to_numpy(float)
        for name, column in MARKERS.items()
    }


def design(table, formula):
    """The columns of R's formula, which may stand in several lines."""
    text = "".join(formula) if isinstance(formula, list) else formula
    return Formula.of(text, table).x


def std_error(estimate):
    return (estimate.upper - estimate.value) / Z_95


def survival_std_error(estimate):
    """The standard error behind a log interval of survival, NaN where there is none."""
    if estimate.lower is None:
        return np.nan
    return estimate.value * np.log(estimate.value / estimate.lower) / Z_95


def test_every_answer_of_r_is_compared(cell):
    asked = {"dataset", "input", "quantity", "meta", "formula", "u"}
    left_out = {"rms_validate", "rms_calibrate_KM", "rms_calibrate_hare", "rms_val_surv_hare"}
    compared = {
        "bootstrap_known_indices",
        "calibration_groups",
        "calibration_slope",
        "calibration_slope_even_rows_single",
        "observed_expected",
        "decision_curve",
        "dcurves_dca",
    }
    assert set(cell.values) <= asked | left_out | compared


def test_concordance_on_known_resamples(cell, table, target):
    """The apparent C, that of each resample in itself and in all patients, and the optimism."""
    r = cell.values["bootstrap_known_indices"]
    path = cell.folder / r["index_file"].split(" ")[0]
    indices = path if path.exists() else path.with_name(f"{path.name}.gz")
    rows = pd.read_csv(indices, header=None).to_numpy() - 1
    x = design(table, cell.values["formula"])

    def c(fit, on):
        return harrell_c(target.subset(on), x[on] @ fit.coefficients).value

    everyone = np.arange(target.n)
    apparent = c(fit_cox(x, target), everyone)
    fits = [fit_cox(x[drawn], target.subset(drawn)) for drawn in rows]
    train = np.array([c(fit, drawn) for fit, drawn in zip(fits, rows, strict=True)])
    test = np.array([c(fit, everyone) for fit in fits])
    agree("bootstrap: apparent C", apparent, r["C_apparent"], rtol=RTOL)
    agree("bootstrap: C in the resample", train, r["C_train"], rtol=RTOL)
    agree("bootstrap: C of the resample's model", test, r["C_test"], rtol=RTOL)
    optimism = np.mean(train - test)
    agree("bootstrap: optimism of C", optimism, r["optimism"], rtol=RTOL)
    agree("bootstrap: corrected C", apparent - optimism, r["C_corrected"], rtol=RTOL)


def test_groups_of_predicted_survival(cell, target, predicted):
    r = cell.values["calibration_groups"]
    own = calibration_by_group(
        target, predicted["model"], horizon_days=cell.values["u"], n_groups=len(r)
    )
    assert [group.n for group in own] == [group["n"] for group in r]
    # R's curve goes on where nobody is followed to the horizon.
    pairs = [(a, b) for a, b in zip(own, r, strict=True) if a.observed.value is not None]
    own, r = [a for a, _ in pairs], [b for _, b in pairs]
    assert own
    columns = {
        "mean_pred_surv": [group.mean_predicted for group in own],
        "km_surv": [group.observed.value for group in own],
        "lower": [group.observed.lower for group in own],
        "upper": [group.observed.upper for group in own],
        "km_se": [survival_std_error(group.observed) for group in own],
    }
    for name, ours in columns.items():
        theirs = np.array([group[name] for group in r], dtype=float)
        agree(f"calibration groups: {name}", np.array(ours, dtype=float), theirs, rtol=RTOL)


def test_slope_of_the_linear_predictor(cell, table, target):
    r = cell.values["calibration_slope"]
    own = calibration_slope(target, table["mk_lp"].to_numpy(float), level=0.95)
    agree("calibration slope", own.value, r["slope"], rtol=RTOL)
    agree("calibration slope: se", std_error(own), r["se"], rtol=RTOL)


def test_slope_in_every_second_patient(cell, table, target):
    r = cell.values["calibration_slope_even_rows_single"]
    even = np.arange(1, target.n, 2)
    score = table["mk_single"].to_numpy(float)[even]
    own = calibration_slope(target.subset(even), score, level=0.95)
    agree("calibration slope", own.value, r["slope"], rtol=RTOL)
    agree("calibration slope: se", std_error(own), r["se"], rtol=RTOL)


def test_observed_over_expected(cell, target, predicted):
    r, u = cell.values["observed_expected"], cell.values["u"]
    own = observed_expected(target, predicted["model"], u)
    agree("observed/expected", own.value, r["oe"], rtol=RTOL)
    agree("observed/expected: observed", 1 - kaplan_meier(target).at(u), r["observed"], rtol=RTOL)
    mean = 1 - predicted["model"].mean()
    agree("observed/expected: predicted", mean, r["mean_predicted"], rtol=RTOL)


def decision_curve(cell, target, predicted, model, thresholds):
    risk = np.ones(target.n) if model in {"treat_all", "all"} else 1 - predicted[model]
    return risk, DecisionCurve.of(
        target, risk, horizon_days=cell.values["u"], thresholds=thresholds
    )


def test_net_benefit(cell, target, predicted):
    r = cell.values["decision_curve"]
    for model in ("model", "single", "treat_all"):
        _, own = decision_curve(cell, target, predicted, model, r["thresholds"])
        agree("decision curve", own.net_benefit, r[model], rtol=RTOL, atol=1e-12)


def test_net_benefit_of_dcurves(cell, target, predicted):
    """dcurves gives nothing where the positive are not followed to the horizon."""
    for model, r in cell.values["dcurves_dca"].items():
        if model == "none":
            assert not any(np.any(r[name]) for name in ("net_benefit", "tp_rate", "fp_rate"))
            continue
        risk, own = decision_curve(cell, target, predicted, model, r["threshold"])
        followed = [
            not (positive := risk >= level).any()
            or target.time_days[positive].max() >= cell.values["u"]
            for level in r["threshold"]
        ]
        for name, ours in (
            ("net_benefit", own.net_benefit),
            ("tp_rate", own.true_positive_rate),
            ("fp_rate", own.false_positive_rate),
        ):
            known = np.where(followed, ours, np.nan)
            theirs = np.array(r[name], dtype=float)
            agree(f"dcurves: {name}", known, theirs, rtol=RTOL, atol=1e-12)
