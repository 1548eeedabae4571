"""glmnet's Cox paths and cv.glmnet: every cell of every wide set.

Cells with a small `thresh` are held at the tolerances of the reference. In cells with glmnet's
default `thresh` its fits miss the minimum by 15 to 370% of lambda towards the path's end, so there
the penalties and the deviance of the empty model are compared, and of the coefficients that ours
reach a lower objective. With times in days glmnet's answer depends on the order of the rows where
deaths and censorings share a day: such a cell has its twin in the one of time / 1000, and what is
tested is that ours depends on no order.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from components.survival.lasso_cox import FoldSettings, choose_lambda, cross_validate, deviance
from components.survival.lasso_path import LassoProblem, lambda_sequence, lasso_path
from components.survival.partial_likelihood import martingale_residuals
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree

QUANTITY = "lasso_cox"

# R raises the ratio to a power of single precision: 1/(n - 1) arrives 6e-8 off.
LAMBDA = 1e-7
EXACT = 1e-12
CROSS_VALIDATIONS = {
    "cv_grouped": FoldSettings(own_path=True),
    "cv_ungrouped": FoldSettings(own_path=True, measure="ungrouped_deviance"),
    "cv_grouped_lambda_supplied": FoldSettings(),
    "cv_C": FoldSettings(own_path=True, measure="concordance"),
}


def fits(cell, *, exact):
    """Name, R's answer and the problem of each fitted cell, with a small `thresh` or without."""
    table, columns = cell.table, cell.values["columns"]
    for name, r in cell.values["cells"].items():
        if "coef_at" in r and (r["thresh"] < EXACT) == exact:
            target = SurvivalTarget.of(table[r["time"]] / r["time_divided_by"], table["event"])
            strata = np.zeros(target.n, dtype=np.int64)
            x = table[columns].to_numpy(float)
            yield name, r, LassoProblem(x, target, strata, float(r["alpha"]), r["standardize"])


def coefficients(stored, columns):
    """R's coefficients (p,), which it stores without the zeros."""
    named = pd.Series(stored["coef"], index=stored["names"], dtype=float)
    return named.reindex(columns).fillna(0.0).to_numpy()


def of_copies(problem, b):
    """Coefficients (p,), a column's copies added to it: how they share is left open by a LASSO."""
    centered = problem.x - problem.x.mean(axis=0)
    unit = centered / np.maximum(np.linalg.norm(centered, axis=0), 1e-300)
    r = unit.T @ unit
    np.fill_diagonal(r, 1.0)
    first = np.argmax(np.abs(r) > 1 - 1e-12, axis=0)
    signs = np.sign(r[first, np.arange(b.size)])
    scaled = np.bincount(first, weights=b * problem.scale() * signs, minlength=b.size)
    return scaled / problem.scale()


def objective(problem, b, lambda_):
    """What glmnet minimises, without the constant of the saturated model."""
    half = deviance(problem.x @ b, problem.target)[0] / 2.0 / problem.target.n
    scaled, a = b * problem.scale(), problem.l1_ratio
    return half + lambda_ * (a * np.abs(scaled).sum() + (1 - a) / 2 * np.sum(scaled**2))


def n_selected(problem, path):
    """How many features (m,) a fit selects at least and at most, those at the edge left open."""
    z = (problem.x - problem.x.mean(axis=0)) / problem.scale()
    least, most = [], []
    for b, lambda_ in zip(path.coefficients.T, path.lambdas, strict=True):
        scaled = np.abs(of_copies(problem, b) * problem.scale())
        residuals = martingale_residuals(problem.x @ b, problem.target, ties="breslow")
        gradient = np.abs(z.T @ residuals) / problem.target.n
        least.append(np.sum(scaled > 1e-6 * scaled.max()))
        most.append(np.sum(gradient >= problem.l1_ratio * lambda_ * (1 - 1e-6)))
    return np.array(least), np.array(most)


def own_lambdas(problem, r):
    whole = lambda_sequence(
        problem, n_lambdas=r["nlambda_requested"], lambda_min_ratio=r["lambda_min_ratio"]
    )
    return whole[: len(r["lambda"])]


def depends_on_row_order(problem):
    """Whether glmnet's shift of censored times, 2e-14, is lost where a death shares the day."""
    days, died = problem.target.time_days, problem.target.event
    return bool((np.intersect1d(days[died], days[~died]) > 100).any())


def test_penalties(cell):
    for exact in (True, False):
        for _, r, problem in fits(cell, exact=exact):
            if not depends_on_row_order(problem):
                agree("lasso_cox lambda", own_lambdas(problem, r), r["lambda"], rtol=LAMBDA)


def test_the_largest_penalty_does_not_depend_on_the_row_order(cell):
    quirk = cell.values["cells"].get("raw_day_quirk")
    if quirk is None:
        return
    _, r, problem = next(fits(cell, exact=False))
    rows = np.arange(problem.target.n)
    event = problem.target.event
    orders = {
        "as_is": rows,
        "events_first": np.argsort(~event, kind="stable"),
        "censored_first": np.argsort(event, kind="stable"),
        "reversed": rows[::-1],
    }
    for name, theirs in quirk["lambda_max_by_row_order_scaled"].items():
        ours = own_lambdas(problem.subset(orders[name]), r)[0]
        agree("lasso_cox lambda", ours, theirs, rtol=LAMBDA)


def test_path(cell):
    for _, r, problem in fits(cell, exact=True):
        path = lasso_path(problem, np.asarray(r["lambda"]))
        for at in r["coef_at"]:
            theirs = of_copies(problem, coefficients(at, cell.values["columns"]))
            agree(
                "lasso_cox coefficients",
                of_copies(problem, path.coefficients[:, at["index_1based"] - 1]),
                theirs,
                rtol=1e-5,
                scale=np.abs(theirs).max(),
            )
        least, most = n_selected(problem, path)
        assert (least <= np.asarray(r["df"])).all()
        assert (np.asarray(r["df"]) <= most).all()
        dev = deviance(problem.x @ path.coefficients, problem.target)
        null = deviance(np.zeros(problem.target.n), problem.target)[0]
        agree("lasso_cox null deviance", null, r["nulldev"], rtol=1e-8)
        agree("lasso_cox deviance ratio", 1 - dev / null, r["dev_ratio"], rtol=1e-6, atol=1e-12)


def test_where_glmnet_stops_early_ours_is_the_lower_objective(cell):
    for _, r, problem in fits(cell, exact=False):
        if depends_on_row_order(problem):
            continue
        null = deviance(np.zeros(problem.target.n), problem.target)[0]
        agree("lasso_cox null deviance", null, r["nulldev"], rtol=1e-8)
        path = lasso_path(problem, np.asarray(r["lambda"]))
        for at in r["coef_at"]:
            ours = path.coefficients[:, at["index_1based"] - 1]
            theirs = coefficients(at, cell.values["columns"])
            reached = objective(problem, theirs, at["lambda"])
            assert objective(problem, ours, at["lambda"]) <= reached * (1 + 1e-12)


def test_cross_validation(cell):
    folds = np.array([cell.values["foldid"]])
    for _, r, problem in fits(cell, exact=True):
        lambdas = np.asarray(r["lambda"])
        path = lasso_path(problem, lambdas)
        for name, fold_settings in CROSS_VALIDATIONS.items():
            if name not in r:
                continue
            theirs = r[name]
            if "grouped_effective" in theirs:  # glmnet decides itself where folds are small
                measure = "deviance" if theirs["grouped_effective"] else "ungrouped_deviance"
                fold_settings = replace(fold_settings, measure=measure)
            mean, std_error = cross_validate(problem, lambdas, folds=folds, settings=fold_settings)
            what = f"lasso_cox {name}"
            agree(f"{what} mean", mean, theirs["cvm"], rtol=1e-6)
            agree(f"{what} SE", std_error, theirs["cvsd"], rtol=1e-6)
            loss = -mean if fold_settings.measure == "concordance" else mean
            for rule in ("lambda_min", "lambda_1se"):
                index = choose_lambda(loss, std_error, rule=rule)
                assert lambdas[index] == theirs[rule]
                kind = rule.removeprefix("lambda_")
                if index and f"coef_{kind}" in theirs:
                    b = of_copies(
                        problem, coefficients(theirs[f"coef_{kind}"], cell.values["columns"])
                    )
                    agree(
                        "lasso_cox coefficients",
                        of_copies(problem, path.coefficients[:, index]),
                        b,
                        rtol=1e-5,
                        scale=np.abs(b).max(),
                    )
