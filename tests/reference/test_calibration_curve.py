"""The smooth calibration curve, the slope until a horizon and the Poisson intercept against R."""

import numpy as np
import pytest

from components.survival.calibration import (
    calibration_intercept,
    log_log_risk,
    risk_calibration_slope,
)
from components.survival.calibration_curve import calibration_curve
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard
from components.survival.splines import spline_knots
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree
from tests.reference.test_validation import Z_95, design

QUANTITY = "calibration_curve"
RTOL = 1e-8


@pytest.fixture
def table(cell):
    return cell.table


@pytest.fixture
def target(table):
    return SurvivalTarget.of(table["time"], table["event"])


def test_curve_and_its_distances(cell, table, target):
    for r in cell.values["curves"].values():
        predicted = 1 - table[r["column"]].to_numpy(float)
        knots = spline_knots(log_log_risk(predicted), 3)
        agree("calibration curve: knots", knots, r["knots"], rtol=RTOL)
        own = calibration_curve(
            target, predicted, horizon_days=cell.values["u"], at=1 - predicted[:20]
        )
        agree("calibration curve", own.observed, r["observed_first20"], rtol=RTOL)
        for key in ("ici", "e50", "e90"):
            agree(f"calibration curve: {key}", getattr(own, key).value, r[key], rtol=RTOL)


def test_slope_until_the_horizon(cell, table, target):
    for r in cell.values["curves"].values():
        predicted = 1 - table[r["column"]].to_numpy(float)
        own = risk_calibration_slope(target, predicted, cell.values["u"])
        agree("calibration slope until a horizon", own.value, r["slope_until_u"], rtol=RTOL)
        std_error = (own.upper - own.value) / Z_95
        agree("calibration slope until a horizon: se", std_error, r["slope_se"], rtol=RTOL)


def test_intercept_in_patients_of_whom_the_model_knows_nothing(cell, table, target):
    r = cell.values["poisson_even_rows"]
    odd, even = np.arange(0, target.n, 2), np.arange(1, target.n, 2)
    x, trained = design(table, cell.values["formula"]), target.subset(odd)
    coefficients = fit_cox(x[odd], trained).coefficients
    times, hazard = baseline_hazard(x[odd] @ coefficients, trained)
    tested = target.subset(even).truncated(r["until"])
    steps = np.append(0.0, hazard)[np.searchsorted(times, tested.time_days, side="right")]
    own = calibration_intercept(tested, steps * np.exp(x[even] @ coefficients))
    agree("Poisson intercept", own.value, r["intercept"], rtol=RTOL)
    agree("Poisson intercept: se", (own.upper - own.value) / Z_95, r["se"], rtol=RTOL)
