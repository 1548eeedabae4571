"""Strata, case weights, clusters, ridge, factors and splines against R's `coxph` and `rms::cph`."""

import numpy as np

from components.nomogram.axes import predictor_axes
from components.study.protocol import NomogramSection
from components.survival.concordance import Concordance
from components.survival.cox import fit_cox_model
from components.survival.linearity import linearity_test
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard, martingale_residuals
from components.survival.proportional_hazards import proportional_hazards_test, terms_of
from components.survival.residuals import (
    deviance_residuals,
    dfbeta,
    schoenfeld_residuals,
    score_residuals,
)
from tests.reference.agreement import agree
from tests.reference.formulas import Formula

QUANTITY = "coxph_extended"

_ROUNDING = 1e-11


def fitted(cell):
    """(R's answer, formula, arguments of the likelihood, fit) of every model."""
    table = cell.table
    for r in cell.values["models"].values():
        formula = Formula.of(r["formula"], table)
        weights = table[r["weights"]].to_numpy(dtype=float) if "weights" in r else None
        arguments = {"strata": formula.strata, "ties": r["ties"], "weights": weights}
        fit = fit_cox(
            formula.x,
            formula.target,
            **arguments,
            ridge=r.get("theta", 0.0),
            # survival::ridge divides by the 1/(n - 1) standard deviations of the columns.
            scale=formula.x.std(axis=0, ddof=1),
            cluster=table[r["cluster"]].to_numpy() if "cluster" in r else None,
            robust="robust_var" in r,
        )
        yield r, formula, arguments, fit


def test_coefficients_covariances_and_tests(cell):
    for r, _, _, fit in fitted(cell):
        scale = np.outer(fit.standard_errors, fit.standard_errors)
        kind = f"cox {r['ties']}" + (", ridge" if "theta" in r else "")
        assert (fit.n, fit.n_events) == (r["n"], r["nevent"])
        agree(f"{kind}: coefficients", fit.coefficients, r["coef"], rtol=1e-8)
        agree(f"{kind}: covariance", fit.covariance, r["naive_var"], rtol=1e-8, scale=scale)
        if "robust_var" in r:
            robust = np.outer(fit.robust_standard_errors, fit.robust_standard_errors)
            agree(
                "cox: robust covariance",
                fit.robust_covariance,
                r["robust_var"],
                rtol=1e-8,
                scale=robust,
            )
        agree(
            f"{kind}: log likelihood",
            [fit.log_likelihood_null, fit.log_likelihood],
            r["loglik"],
            rtol=1e-8,
        )
        for name, own in (
            ("df", fit.df),
            ("lr", fit.likelihood_ratio.statistic),
            ("wald", fit.wald.statistic),
            ("score", fit.score_test),
            ("rscore", fit.robust_score_test),
        ):
            if name in r:
                agree(f"{kind}: {name}", own, r[name], rtol=1e-8)


def test_baseline_by_stratum(cell):
    for r, formula, arguments, fit in fitted(cell):
        if "baseline" not in r:
            continue
        lp, stored = formula.x @ fit.coefficients, r["baseline"]
        strata = np.zeros(lp.size, int) if formula.strata is None else formula.strata
        for stratum, theirs in zip(np.unique(strata), stored["cumulative_hazard"], strict=True):
            rows = strata == stratum
            weights = arguments["weights"]
            times, hazard = baseline_hazard(
                lp[rows],
                formula.target.subset(rows),
                ties=r["ties"],
                weights=None if weights is None else weights[rows],
            )
            steps = np.concatenate([[0.0], hazard])
            own = steps[np.searchsorted(times, stored["times"], side="right")]
            agree("cumulative baseline hazard by stratum", own, theirs, rtol=1e-8)


def test_residuals(cell):
    for r, formula, arguments, fit in fitted(cell):
        if "residuals" not in r:
            continue
        x, target, stored = formula.x, formula.target, r["residuals"]
        b, weights = fit.coefficients, arguments["weights"]
        martingale = martingale_residuals(x @ b, target, **arguments)
        score = score_residuals(x, b, target, **arguments)
        schoenfeld = schoenfeld_residuals(x, b, target, **arguments)
        own = {
            "martingale": martingale,
            "deviance": deviance_residuals(martingale, target.event),
            "score": score,
            "dfbeta": dfbeta(score, fit.covariance, weights=weights),
            "schoenfeld": schoenfeld.residuals,
            "scaledsch": schoenfeld.scaled(b, fit.covariance),
        }
        for name, values in own.items():
            theirs = np.asarray(stored[name])
            largest = np.abs(theirs).max(axis=0)
            agree(
                f"residuals: {name}",
                values[: len(theirs)],
                theirs,
                rtol=1e-8,
                scale=np.maximum(np.abs(theirs), 1e-3 * largest),
            )


def test_concordance_within_strata(cell):
    for r, formula, arguments, fit in fitted(cell):
        if "concordance" not in r:
            continue
        own = Concordance.of(
            formula.target,
            formula.x @ fit.coefficients,
            np.ones(formula.target.n),
            strata=formula.strata,
            case_weight=arguments["weights"],
        )
        agree("C of a fit, strata and weights", own.value, r["concordance"]["C"], rtol=1e-8)
        if "cluster" not in r:
            agree(
                "C of a fit, strata and weights, se",
                own.std_error,
                r["concordance"]["se"],
                rtol=1e-8,
            )


def test_proportional_hazards_by_term(cell):
    for r, formula, arguments, fit in fitted(cell):
        for transform, stored in r.get("cox_zph", {}).items():
            own = proportional_hazards_test(
                formula.x,
                fit.coefficients,
                formula.target,
                terms=terms_of(formula.predictors),
                transform=transform,
                **arguments,
            )
            rows = [*own.terms, own.all_terms]
            agree("cox.zph by term", [row.chi_square for row in rows], stored["chisq"], rtol=1e-6)
            agree("cox.zph by term, p", [row.p for row in rows], stored["p"], rtol=1e-6)
            assert [row.df for row in rows] == stored["df"]


def test_splines(cell):
    for r in cell.values["models"].values():
        if "nonlinear" not in r:
            continue
        stored = r["nonlinear"]
        formula = Formula.of(r["formula"], cell.table)
        model = fit_cox_model(cell.table, formula.predictors, formula.target, ties=r["ties"])
        own = [linearity_test(model, one.name) for one in formula.predictors if one.knots]
        for test, knots in zip(own, stored["knots"], strict=True):
            agree("spline knots", test.knots, knots, rtol=1e-8)
        # R writes the test of a single spline as a number.
        chi_square, p, df = (np.atleast_1d(stored[name]) for name in ("chisq", "p", "df"))
        agree("linearity test", [one.chi_square for one in own], chi_square, rtol=1e-8)
        agree("linearity test, p", [one.p for one in own], p, rtol=1e-6)
        assert [one.df for one in own] == df.tolist()
        axes, _ = predictor_axes(model, NomogramSection(axes="pretty", maximum_points=100))
        for axis in axes:
            if axis.predictor.name in stored["nomogram"]:
                theirs = stored["nomogram"][axis.predictor.name]
                agree("nomogram of a spline: axis", axis.ticks, theirs["values"], rtol=1e-12)
                agree(
                    "nomogram of a spline: points",
                    axis.points,
                    theirs["points"],
                    rtol=1e-8,
                    atol=1e-8,
                )
