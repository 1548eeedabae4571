"""The univariate Cox screen against R's `coxph`, one model a column."""

import numpy as np

from components.survival.discrimination import harrell_c
from components.survival.screening import univariate_screen
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree

QUANTITY = "univariate_cox"


def screens(cell):
    """Pairs of R's scan and ours, with the table's columns and the follow-up."""
    table, columns = cell.table, cell.values["columns"]
    x = table[columns].to_numpy(float)
    for scan in cell.values["scans"]:
        target = SurvivalTarget.of(table[scan["time"]], table["event"])
        yield scan, univariate_screen(x, target, ties=scan["ties"]), x, target


def numbers(values, own):
    """R's numbers, NaN where no estimate exists: there R's has run off, its z next to 0."""
    return np.where(own.is_fitted, np.array(values, dtype=float), np.nan)


def test_wald(cell):
    for scan, own, _, _ in screens(cell):
        z = np.array(scan["z"], dtype=float)[~own.is_fitted]
        assert (np.isnan(z) | (np.abs(z) < 0.01)).all()
        agree("univariate Cox coefficient", own.coefficient, numbers(scan["coef"], own), rtol=1e-8)
        agree("univariate Cox se", own.standard_error, numbers(scan["se"], own), rtol=1e-8)
        agree("univariate Cox z", own.z, numbers(scan["z"], own), rtol=1e-8)
        agree("univariate Cox p", own.p_value, numbers(scan["p_wald"], own), rtol=1e-6)
        if "n_p_wald_lt_005" in scan:
            assert np.sum(own.p_value < 0.05) == scan["n_p_wald_lt_005"]


def test_likelihoods(cell):
    for scan, own, _, _ in screens(cell):
        fitted = own.is_fitted
        null = np.full(fitted.sum(), scan["loglik_null"])
        agree("univariate Cox loglik", own.log_likelihood_null[fitted], null, rtol=1e-8)
        agree("univariate Cox loglik", own.log_likelihood, numbers(scan["loglik"], own), rtol=1e-8)
        # A chi-square is twice a difference of log likelihoods and cannot have more digits.
        rounding = 1e-14 * abs(scan["loglik_null"])
        agree(
            "univariate Cox likelihood ratio",
            own.likelihood_ratio_test,
            numbers(scan["lr_chisq"], own),
            rtol=1e-8,
            atol=rounding,
        )
        agree(
            "univariate Cox likelihood ratio p",
            own.likelihood_ratio_p_value,
            numbers(scan["p_lr"], own),
            rtol=1e-6,
        )
        agree(
            "univariate Cox score test",
            own.score_test,
            numbers(scan["score_chisq"], own),
            rtol=1e-8,
        )
        agree("univariate Cox score p", own.score_p_value, numbers(scan["p_score"], own), rtol=1e-6)


def test_concordance(cell):
    for scan, own, x, target in screens(cell):
        known = np.flatnonzero(own.is_fitted)
        ours = [harrell_c(target, own.coefficient[j] * x[:, j]).value for j in known]
        agree(
            "univariate Cox concordance", ours, numbers(scan["concordance"], own)[known], rtol=1e-8
        )
