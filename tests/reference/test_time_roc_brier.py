"""Time-dependent AUC, ROC curve, Brier score, IPA and IBS, as timeROC and riskRegression give them.

timeROC counts deaths before a horizon (T < t), riskRegression by it (T <= t).
"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtri

from components.survival.brier import (
    brier_score,
    integrated_brier_score,
    null_brier_score,
    null_survival,
    prediction_accuracy,
)
from components.survival.comparison import compare_auc
from components.survival.discrimination import auc_ipcw, roc_ipcw
from components.survival.ipcw import HIGH, LOW, UNKNOWN, label_weights, risk_labels
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree

QUANTITY = "time_roc_brier"


@dataclass(frozen=True)
class Inputs:
    """The rows that R used, and where the predictions of the models stand."""

    table: pd.DataFrame
    values: dict

    def target(self, time):
        return SurvivalTarget.of(self.table[time], self.table["event"])

    @property
    def first_time(self):
        return self.values["timeROC"]["cases"][0]["time"]

    def risk(self, model, time):
        """Predicted risks: `risk_<t>` of the first model named, `risk2_<t>` of the second."""
        models = list(dict.fromkeys(row["model"] for row in self.values["riskRegression"]["AUC"]))
        number = models.index(model) + 1
        return self.table[f"risk{'' if number == 1 else number}_{time}"].to_numpy(float)

    def survival(self, model, times):
        """Predicted survival (n, m); of a model without predictions Kaplan-Meier's."""
        if model.startswith("Null"):
            return null_survival(self.target(self.first_time), np.asarray(times, dtype=float))
        return 1.0 - np.column_stack([self.risk(model, time) for time in times])


@pytest.fixture
def inputs(cell):
    n = int(re.search(r"\d+", cell.values["rows_used"]).group())
    return Inputs(cell.table.iloc[:n], cell.values)


def std_error(estimate):
    """The standard error behind the side of a 95% interval that was not cut off."""
    return max(estimate.upper - estimate.value, estimate.value - estimate.lower) / ndtri(0.975)


def test_auc_of_time_roc(inputs):
    for case in inputs.values["timeROC"]["cases"]:
        target = inputs.target(case["time"])
        score = inputs.table[case["marker"]].to_numpy(float)
        for i, horizon in enumerate(case["times"]):
            own = auc_ipcw(target, score, horizon_days=horizon, cases="before")
            r = {name: case[name][i] for name in ("AUC", "se", "lo", "hi")}
            agree("timeROC: AUC", np.nan if own.value is None else own.value, r["AUC"], rtol=1e-8)
            if own.value is None:
                continue
            agree("timeROC: standard error", std_error(own), r["se"], rtol=2e-3)
            limits = np.clip([r["lo"], r["hi"]], 0, 1)
            agree("timeROC: interval", [own.lower, own.upper], limits, rtol=2e-3)


def test_weights_and_counts_of_time_roc(inputs):
    for case in inputs.values["timeROC"]["cases"]:
        target = inputs.target(case["time"])
        for i, horizon in enumerate(case["times"]):
            labels = risk_labels(target, horizon, cases="before")
            weights = label_weights(target, horizon, fitted_on=target, cases="before") / target.n
            agree(
                "timeROC: survival", weights[labels == LOW].sum(), case["surv_prob"][i], rtol=1e-8
            )
            agree(
                "timeROC: incidence", weights[labels == HIGH].sum(), case["cum_inc"][i], rtol=1e-8
            )
            counts = [int(np.sum(labels == label)) for label in (HIGH, LOW, UNKNOWN)]
            assert counts == [case[name][i] for name in ("cases", "controls", "censored")]


def test_comparison_of_time_roc(inputs):
    cases = inputs.values["timeROC"]["cases"]
    for key, theirs in inputs.values["timeROC"].items():
        if not key.startswith("compare_"):
            continue
        markers = [
            next(case["marker"] for case in cases if case["marker"].endswith(name))
            for name in key.removeprefix("compare_").split("_vs_")
        ]
        target = inputs.target(inputs.first_time)
        scores = [inputs.table[marker].to_numpy(float) for marker in markers]
        for horizon, p in zip(inputs.values["times"], np.ravel(theirs["p"]), strict=True):
            own = compare_auc(target, *scores, horizon_days=horizon, cases="before")
            agree("timeROC: p of two AUC", own.p, p, rtol=2e-3)


def test_roc_curve_of_time_roc(inputs):
    """R steps through the marker of every patient, ours of those whose label is known."""
    r = inputs.values["timeROC"]["roc_points"]
    case = inputs.values["timeROC"]["cases"][0]
    target = inputs.target(case["time"])
    score = inputs.table[case["marker"]].to_numpy(float)
    own = roc_ipcw(target, score, horizon_days=r["time"], cases="before")
    known = risk_labels(target, r["time"], cases="before") != UNKNOWN
    levels = np.unique(score[known])
    cuts = np.append(np.unique(score), np.inf)[::-1]
    point = levels.size - np.searchsorted(levels, cuts)
    for rates, theirs in ((own.false_positive_rate, r["FP"]), (own.true_positive_rate, r["TP"])):
        agree("timeROC: ROC curve", np.asarray(rates)[point], theirs, rtol=1e-8, atol=1e-12)


def test_auc_of_risk_regression(inputs):
    target = inputs.target(inputs.first_time)
    for row in inputs.values["riskRegression"]["AUC"]:
        own = auc_ipcw(target, inputs.risk(row["model"], row["time"]), horizon_days=row["time"])
        numbers = [own.value, std_error(own), own.lower, own.upper]
        r = [row["AUC"], row["se"], *np.clip([row["lower"], row["upper"]], 0, 1)]
        agree("riskRegression: AUC, se, interval", numbers, r, rtol=1e-8)


def test_contrasts_of_risk_regression(inputs):
    target = inputs.target(inputs.first_time)
    for row in inputs.values["riskRegression"]["AUC_contrasts"]:
        scores = [inputs.risk(row[name], row["time"]) for name in ("model", "reference")]
        own = compare_auc(target, *scores, horizon_days=row["time"])
        numbers = [own.difference.value, own.difference.lower, own.difference.upper, own.p]
        r = [row[name] for name in ("delta", "lower", "upper", "p")]
        agree("riskRegression: difference of AUC", numbers, r, rtol=1e-8)


def test_brier_score_of_risk_regression(inputs):
    target = inputs.target(inputs.first_time)
    for row in inputs.values["riskRegression"]["Brier"]:
        time = row["time"]
        predicted = inputs.survival(row["model"], [time])[:, 0]
        own = brier_score(target, predicted, time)
        numbers = [own.value, std_error(own), own.lower, own.upper]
        r = [row["Brier"], row["se"], *np.clip([row["lower"], row["upper"]], 0, 1)]
        agree("riskRegression: Brier score, se, interval", numbers, r, rtol=1e-8)
        if row["model"].startswith("Null"):
            null = null_brier_score(target, time)
            agree("riskRegression: null model", null.value, row["Brier"], rtol=1e-8)


def test_ipa_and_ibs_of_risk_regression(inputs):
    target = inputs.target(inputs.first_time)
    for row in inputs.values["riskRegression"]["Brier"]:
        until = [time for time in inputs.values["times"] if time <= row["time"]]
        predicted = inputs.survival(row["model"], until)
        ipa = prediction_accuracy(target, predicted[:, -1], row["time"])
        agree("riskRegression: IPA", ipa.value, row["IPA"], rtol=1e-8, atol=1e-14)
        ibs = integrated_brier_score(
            target, predicted, np.array(until, dtype=float), tau_days=float(row["time"])
        )
        agree("riskRegression: IBS", ibs.value, row["IBS"], rtol=1e-8)
