"""Cox models against R's `coxph`, `survfit`, `residuals`, `concordance` and `cox.zph`."""

import numpy as np
import pytest
from scipy.stats import norm

from components.survival.concordance import Concordance, pair_counts
from components.survival.cox import fit_cox_model
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard, martingale_residuals
from components.survival.proportional_hazards import proportional_hazards
from components.survival.residuals import deviance_residuals
from tests.reference.agreement import agree
from tests.reference.formulas import Formula, plain

QUANTITY = "coxph"

# A residual or a centred predictor can be 0 up to rounding; its scale is then 1.
_ROUNDING = 1e-12


def models(cell):
    """(R's answer, formula read on the table) of every model."""
    table = cell.table
    for r in cell.values["models"].values():
        yield r, Formula.of(r["formula"], table)


def fitted(r, formula):
    return fit_cox(formula.x, formula.target, ties=r["ties"], columns=r["terms"])


def at_times(times, hazard, wanted):
    return np.concatenate([[0.0], hazard])[np.searchsorted(times, wanted, side="right")]


def test_coefficients_and_their_uncertainty(cell):
    for r, formula in models(cell):
        fit = fitted(r, formula)
        b, se = fit.coefficients, fit.standard_errors
        half = norm.ppf(0.975) * se
        assert (fit.n, fit.n_events) == (r["n"], r["nevent"])
        agree("cox coefficients", b, r["coef"], rtol=1e-8)
        agree("cox se", se, r["se"], rtol=1e-8)
        agree("cox covariance", fit.covariance, r["vcov"], rtol=1e-8, scale=np.outer(se, se))
        agree("cox z", b / se, r["z"], rtol=1e-8)
        agree("cox p", 2 * norm.sf(np.abs(b / se)), r["p"], rtol=1e-6)
        agree("cox hazard ratio", np.exp(b), r["hr"], rtol=1e-8)
        agree("cox hazard ratio, lower", np.exp(b - half), r["hr_lo"], rtol=1e-8)
        agree("cox hazard ratio, upper", np.exp(b + half), r["hr_hi"], rtol=1e-8)


def test_likelihoods_and_their_tests(cell):
    for r, formula in models(cell):
        fit = fitted(r, formula)
        agree("cox log likelihood at 0", fit.log_likelihood_null, r["loglik_null"], rtol=1e-8)
        agree("cox log likelihood", fit.log_likelihood, r["loglik"], rtol=1e-8)
        for kind, own in (
            ("lr_test", fit.likelihood_ratio),
            ("wald_test", fit.wald),
            ("score_test", fit.score),
        ):
            # R's summary prints the Wald statistic to two decimals.
            statistic = round(own.statistic, 2) if kind == "wald_test" else own.statistic
            agree(f"cox {kind}", statistic, r[kind]["test"], rtol=1e-8)
            agree(f"cox {kind}, p", own.p, r[kind]["pvalue"], rtol=1e-6)
            assert own.df == r[kind]["df"]
        aic = 2 * (fit.df - fit.log_likelihood)
        bic = np.log(fit.n_events) * fit.df - 2 * fit.log_likelihood
        agree("cox AIC", aic, r["aic"], rtol=1e-8)
        agree("cox BIC", bic, r["bic_nevent"], rtol=1e-8)


def test_linear_predictors_and_residuals(cell):
    for r, formula in models(cell):
        if "martingale_first20" not in r:
            continue
        x, target, coefficients = formula.x, formula.target, fitted(r, formula).coefficients
        lp = x @ coefficients
        n = len(r["lp_uncentered_first20"])
        # R centres by the means, but not columns of 0 and 1.
        is_indicator = np.isin(x, [0, 1]).all(axis=0)
        means = np.where(is_indicator, 0.0, x.mean(axis=0))
        agree("cox means", means, r["means_used_for_centering"], rtol=1e-8)
        centre = means @ coefficients
        scale = np.abs(lp).max()
        agree("cox linear predictor", lp[:n], r["lp_uncentered_first20"], rtol=1e-8)
        agree(
            "cox centred predictor",
            (lp - centre)[:n],
            r["lp_centered_first20"],
            rtol=1e-8,
            atol=_ROUNDING * scale,
        )
        martingale = martingale_residuals(lp, target, ties=r["ties"])
        deviance = deviance_residuals(martingale, target.event)
        agree(
            "martingale residuals",
            martingale[:n],
            r["martingale_first20"],
            rtol=1e-8,
            atol=_ROUNDING,
        )
        agree(
            "deviance residuals", deviance[:n], r["deviance_resid_first20"], rtol=1e-8, atol=1e-11
        )


def test_survival_with_the_efron_and_the_breslow_baseline(cell):
    table = cell.table
    for r, formula in models(cell):
        if "surv_first20" not in r:
            continue
        target = formula.target
        model = fit_cox_model(table, formula.predictors, target, ties=r["ties"])
        lp = model.linear_predictor(table)
        n = len(r["surv_first20"])
        survival = model.survival_at(lp[:n], r["times"])
        agree("survival, baseline of the fit", survival, r["surv_first20"], rtol=1e-8)
        if "surv_first20_breslow_baseline" in r:
            times, hazard = baseline_hazard(lp, target, ties="breslow")
            breslow = np.exp(-np.outer(np.exp(lp[:n]), at_times(times, hazard, r["times"])))
            agree(
                "survival, Breslow baseline",
                breslow,
                r["surv_first20_breslow_baseline"],
                rtol=1e-8,
            )


def test_concordance_of_the_fit(cell):
    for r, formula in models(cell):
        if "concordance" not in r:
            continue
        target, lp = formula.target, formula.x @ fitted(r, formula).coefficients
        stored = r["concordance"]
        own = Concordance.of(target, lp, np.ones(target.n))
        assert target.n == stored["n"]
        half = norm.ppf(0.975) * own.std_error
        agree("C of a fit", own.value, stored["C"], rtol=1e-8)
        agree("C of a fit, se", own.std_error, stored["se"], rtol=1e-8)
        agree("C of a fit, CI", [own.value - half, own.value + half], stored["ci"], rtol=1e-8)
        counts = pair_counts(target, lp)
        names = ("concordant", "discordant", "tied_score", "tied_time", "tied_both")
        assert [getattr(counts, name) for name in names] == list(stored["counts"].values())


def test_proportional_hazards(cell):
    table = cell.table
    for r, formula in models(cell):
        if "cox_zph" not in r:
            continue
        model = fit_cox_model(table, formula.predictors, formula.target, ties=r["ties"])
        for transform, stored in r["cox_zph"].items():
            own = proportional_hazards(table, model, formula.target, transform=transform)
            rows = [*own.terms, own.all_terms]
            if "error" in stored:
                # R's columns are not standardised: on days it finds the information singular.
                assert all(0 <= row.p <= 1 for row in rows)
                continue
            assert [row.term for row in rows] == [plain(term) for term in stored["rows"]]
            agree("cox.zph", [row.chi_square for row in rows], stored["chisq"], rtol=1e-6)
            agree("cox.zph, p", [row.p for row in rows], stored["p"], rtol=1e-6)
            assert [row.df for row in rows] == stored["df"]


@pytest.fixture(autouse=True)
def _every_figure_is_known(cell):
    """A figure that R's file holds and no test above reads would pass unseen."""
    read = {
        *("formula", "ties", "n", "nevent", "terms", "times", "iter", "surv_note"),
        *("coef", "se", "z", "p", "hr", "hr_lo", "hr_hi", "vcov"),
        *("loglik_null", "loglik", "lr_test", "wald_test", "score_test", "aic", "bic_nevent"),
        *("means_used_for_centering", "lp_centered_first20", "lp_uncentered_first20"),
        *("martingale_first20", "deviance_resid_first20"),
        *("surv_first20", "surv_first20_breslow_baseline", "concordance", "cox_zph"),
    }
    for name, r in cell.values["models"].items():
        assert set(r) <= read, f"{name}: {sorted(set(r) - read)} are not compared"
