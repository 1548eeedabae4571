"""The binary ROC curve, its area, cut-offs and tests, against R's pROC."""

import numpy as np

from components.survival.binary_roc import binary_roc, classify, share_estimate
from components.survival.delong import (
    DeLong,
    auc_delong,
    mann_whitney_p,
    paired_auc_test,
    unpaired_auc_test,
)
from tests.reference.agreement import agree

QUANTITY = "roc"

INTERVALS = ("exact", "wilson", "wald")
COUNTS = {
    "tp": "true_positives",
    "tn": "true_negatives",
    "fp": "false_positives",
    "fn": "false_negatives",
}


def numbers(values):
    return np.array(values, dtype=float)


def known(cell, *columns):
    """The rows with an outcome and with all columns: outcome, and the columns."""
    rows = cell.table.dropna(subset=["bin", *columns])
    return rows["bin"].to_numpy() == 1, *(rows[column].to_numpy() for column in columns)


def curves(cell):
    for r in cell.values["curves"]:
        is_case, score = known(cell, r["marker"])
        yield r, is_case, score.astype(float)


def test_areas(cell):
    for r, is_case, score in curves(cell):
        own = auc_delong(is_case, score)
        assert (own.n_events, own.n - own.n_events) == (r["n_pos"], r["n_neg"])
        agree("binary AUC", own.value, r["auc"], rtol=1e-8)
        agree("binary AUC, DeLong interval", [own.lower, own.upper], numbers(r["ci"]), rtol=1e-8)
        variance = DeLong.of(is_case, score).variance
        agree("binary AUC, DeLong variance", variance, r["delong_var"], rtol=1e-8)
        agree("binary AUC, DeLong se", variance**0.5, r["se"], rtol=1e-8)
        agree("Mann-Whitney p", mann_whitney_p(is_case, score), r["mannwhitney_p"], rtol=1e-8)


def test_points(cell):
    for r, is_case, score in curves(cell):
        own = binary_roc(is_case, score)
        # R's -Inf and Inf are null in JSON.
        assert r["thresholds"][0] is None
        assert r["thresholds"][-1] is None
        thresholds = numbers(r["thresholds"])[1:-1]
        agree("ROC thresholds", own.thresholds[1:-1], thresholds, rtol=1e-8, atol=1e-14)
        agree("ROC sensitivities", own.sensitivity, numbers(r["sensitivities"]), rtol=1e-8)
        agree("ROC specificities", own.specificity, numbers(r["specificities"]), rtol=1e-8)


def test_cutoffs(cell):
    for r, is_case, score in curves(cell):
        own = binary_roc(is_case, score)
        for thresholds, theirs in (
            (own.youden(), r["youden"]),
            (own.closest_to_top_left(), r["closest_topleft"]),
        ):
            # A worthless score has its best cut-off at R's -Inf or Inf, null in JSON.
            ours = np.where(np.isfinite(thresholds), thresholds, np.nan)
            agree("ROC cut-offs", ours, numbers([one["threshold"] for one in theirs]), rtol=1e-8)
            for one in theirs:
                if one["threshold"] is None:
                    continue
                found = classify(is_case, score, threshold=one["threshold"])
                for name in ("sensitivity", "specificity", "accuracy", "ppv", "npv"):
                    if name in one:
                        value = getattr(found, name).value
                        agree(f"ROC {name}", numbers(value), numbers(one[name]), rtol=1e-8)
                for key, name in COUNTS.items():
                    assert one.get(key, getattr(found, name)) == getattr(found, name)
                if "youden" in one:
                    gain = found.sensitivity.value + found.specificity.value
                    agree("ROC Youden", gain, one["youden"], rtol=1e-8)


def test_intervals_of_shares(cell):
    for r, is_case, _ in curves(cell):
        at, n_cases, n = r["youden"][0], int(np.sum(is_case)), is_case.size
        counts = {
            "sens_ci": (at["tp"], n_cases),
            "spec_ci": (at["tn"], n - n_cases),
            "acc_ci": (at["tp"] + at["tn"], n),
        }
        for interval in INTERVALS:
            for key, (hits, among) in counts.items():
                own = share_estimate(hits, among, name=key, interval=interval)
                # Ours are cut off at what a share can be.
                theirs = np.clip(numbers(r[key][interval]), 0.0, 1.0)
                agree(f"{interval} interval", [own.lower, own.upper], theirs, rtol=1e-8)


def test_paired_tests(cell):
    for r in cell.values["paired_delong"]:
        is_case, first, second = known(cell, r["m1"], r["m2"])
        own = paired_auc_test(is_case, first, second)
        agree("paired DeLong z", own.statistic, r["z"], rtol=1e-8)
        agree("paired DeLong p", own.p_value, r["p"], rtol=1e-8)
        limits = [own.difference.lower, own.difference.upper]
        agree("paired DeLong interval", limits, numbers(r["ci_diff"]), rtol=1e-8)
        agree("binary AUC", [own.first.value, own.second.value], [r["auc1"], r["auc2"]], rtol=1e-8)
        one, other = (DeLong.of(is_case, score.astype(float)) for score in (first, second))
        agree("paired DeLong covariance", one.covariance(other), r["cov"], rtol=1e-8)


def test_unpaired_test(cell):
    r = cell.values["unpaired_delong"]
    is_case, score, group = known(cell, r["marker"], r["group"])
    own = unpaired_auc_test(
        *((is_case[group == level], score[group == level]) for level in r["levels"])
    )
    agree("binary AUC", [own.first.value, own.second.value], numbers(r["auc"]), rtol=1e-8)
    agree("unpaired DeLong D", own.statistic, r["D"], rtol=1e-8)
    agree("unpaired DeLong df", own.degrees_of_freedom, r["df"], rtol=1e-8)
    agree("unpaired DeLong p", own.p_value, r["p"], rtol=1e-8)
