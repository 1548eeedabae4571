"""Kaplan-Meier curves and what is read from them, log-rank, restricted means, against R."""

import numpy as np

from components.survival.kaplan_meier import (
    kaplan_meier,
    median_follow_up,
    survival_estimate,
    survival_quantile,
)
from components.survival.log_rank import log_rank, pairwise_log_rank
from components.survival.maximally_selected import maximally_selected_cutpoint
from components.survival.rmst import restricted_mean, rmst_contrast
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree

QUANTITY = "kaplan_meier"

INTERVALS = {"log": "log", "loglog": "log-log", "plain": "plain"}
QUANTILES = (0.25, 0.5, 0.75)
CUT = "median_cut_of_"


def numbers(values):
    return np.array(values, dtype=float)


def analyses(cell):
    """R's analyses with the follow-up and the groups of who has one of the levels."""
    table, values = cell.table, cell.values
    for analysis in values["analyses"]:
        name = analysis["group"]
        if name in table:
            column = table[name]
            labels = column.map(lambda one: one if isinstance(one, str) else f"{one:g}")
        else:
            marker = next(key for key in values if key.startswith(CUT))
            score = table[marker.removeprefix(CUT)]
            agree("median cut", score.median(), values[marker], rtol=1e-8)
            labels = (score > values[marker]).astype(int).astype(str)
        known = labels.isin(analysis["levels"])
        target = SurvivalTarget.of(table.loc[known, analysis["time"]], table.loc[known, "event"])
        yield analysis, target, labels[known].to_numpy(str)


def groups_of(cell):
    """R's group with its follow-up and the analysis."""
    for analysis, target, labels in analyses(cell):
        for group in analysis["groups"]:
            yield group, target.subset(labels == group["level"]), analysis


def test_curves(cell):
    for group, target, _ in groups_of(cell):
        own, curve = kaplan_meier(target), group["curve"]
        assert (target.n, target.n_events) == (group["n"], group["events"])
        np.testing.assert_array_equal(own.times_days, curve["time"])
        np.testing.assert_array_equal(own.n_at_risk, curve["n_risk"])
        np.testing.assert_array_equal(own.n_events, curve["n_event"])
        np.testing.assert_array_equal(own.n_censored, curve["n_censor"])
        agree("Kaplan-Meier", own.survival, numbers(curve["surv"]), rtol=1e-8)
        greenwood = numbers(curve["greenwood_se_of_S"])
        agree("Kaplan-Meier se", own.survival_std_error, greenwood, rtol=1e-8)
        agree("Nelson-Aalen", own.cumulative_hazard, numbers(curve["na_cumhaz"]), rtol=1e-8)


def test_survival_at_times(cell):
    for group, target, analysis in groups_of(cell):
        for key, interval in INTERVALS.items():
            r, curve = group["by_conf_type"][key], kaplan_meier(target, interval=interval)
            for i, horizon in enumerate(analysis["times"][: len(r["surv"])]):
                own = survival_estimate(target, horizon, interval=interval)
                if own.value is None:
                    assert horizon > target.time_days.max()
                    continue
                agree("Kaplan-Meier", own.value, r["surv"][i], rtol=1e-8)
                index = np.searchsorted(curve.times_days, horizon, side="right") - 1
                if index >= 0:
                    std_error = curve.survival_std_error[index]
                    agree("Kaplan-Meier se", std_error, numbers(r["std_err"][i]), rtol=1e-8)
                limits = numbers([own.lower, own.upper])
                theirs = numbers([r["lower"][i], r["upper"][i]])
                agree(f"Kaplan-Meier {interval} interval", limits, theirs, rtol=1e-8)
                assert np.sum(target.time_days >= horizon) == r["n_risk"][i]


def test_quantiles(cell):
    for group, target, _ in groups_of(cell):
        for key, interval in INTERVALS.items():
            r = group["by_conf_type"][key]
            own = [survival_quantile(target, p, interval=interval) for p in QUANTILES]
            for name, theirs in (("value", "quantile"), ("lower", "q_lower"), ("upper", "q_upper")):
                ours = numbers([getattr(one, name) for one in own])
                agree(f"Kaplan-Meier {theirs}", ours, numbers(r[theirs]), rtol=1e-8)


def test_follow_up(cell):
    table = cell.table
    own = median_follow_up(SurvivalTarget.of(table["time"], table["event"]))
    theirs = numbers(cell.values["reverse_km_followup_median"])
    agree("median follow-up", numbers(own.value), theirs, rtol=1e-8)


def test_log_rank(cell):
    for analysis, target, labels in analyses(cell):
        own, r = log_rank(target, labels), analysis["logrank"]
        at = [own.groups.index(level) for level in analysis["levels"]]
        agree("log-rank", own.statistic, r["chisq"], rtol=1e-8)
        agree("log-rank p", own.p_value, r["p"], rtol=1e-8)
        assert own.degrees_of_freedom == r["df"]
        agree("log-rank expected", np.array(own.expected)[at], numbers(r["exp"]), rtol=1e-8)
        agree("log-rank observed", np.array(own.observed)[at], numbers(r["obs"]), rtol=1e-8)
        variance = np.array(own.variance)[np.ix_(at, at)]
        agree("log-rank variance", variance, numbers(r["var"]), rtol=1e-8)
        weighted, peto = log_rank(target, labels, rho=1.0), analysis["peto_rho1"]
        agree("log-rank, rho 1", weighted.statistic, peto["chisq"], rtol=1e-8)
        agree("log-rank p, rho 1", weighted.p_value, peto["p"], rtol=1e-8)


def test_pairwise_log_rank(cell):
    for analysis, target, labels in analyses(cell):
        if "pairwise_logrank" not in analysis:
            continue
        own = pairwise_log_rank(target, labels, order=analysis["levels"])
        theirs = analysis["pairwise_logrank"]
        assert [(one.first, one.second) for one in own] == [(one["a"], one["b"]) for one in theirs]
        for quantity, ours, r in (
            ("log-rank", [one.test.statistic for one in own], [one["chisq"] for one in theirs]),
            ("log-rank p", [one.test.p_value for one in own], [one["p"] for one in theirs]),
            (
                "log-rank p, Benjamini-Hochberg",
                [one.p_benjamini_hochberg for one in own],
                analysis["pairwise_p_BH"],
            ),
            (
                "log-rank p, Bonferroni",
                [one.p_bonferroni for one in own],
                analysis["pairwise_p_bonferroni"],
            ),
        ):
            agree(quantity, ours, numbers(r), rtol=1e-8)


def test_restricted_means(cell):
    for group, target, analysis in groups_of(cell):
        mean, std_error = restricted_mean(target, analysis["tau"])
        agree("RMST", mean, numbers(group["rmean"]), rtol=1e-8)
        agree("RMST se", std_error, numbers(group["rmean_se"]), rtol=1e-8)


def test_restricted_mean_differences(cell):
    for analysis, target, labels in analyses(cell):
        if "rmst2" not in analysis:
            continue
        r = analysis["rmst2"]
        parts = [target.subset(labels == level) for level in analysis["levels"]]
        own = rmst_contrast(*parts, r["tau"])
        for part, one, theirs in zip(parts, (own.first, own.second), ("arm0", "arm1"), strict=True):
            std_error = restricted_mean(part, r["tau"])[1]
            ours = [one.value, std_error, one.lower, one.upper]
            agree("RMST interval", ours, numbers(r[theirs]), rtol=1e-8)
        difference = own.difference
        ours = [difference.value, difference.lower, difference.upper]
        agree("RMST difference", ours, numbers(r["diff"][:3]), rtol=1e-8)
        agree("RMST difference p", own.difference_p, r["diff"][3], rtol=1e-8)


def test_maximally_selected_cutpoint(cell):
    table, r = cell.table, cell.values["maxstat"]
    marker = next(key for key in cell.values if key.startswith(CUT)).removeprefix(CUT)
    target = SurvivalTarget.of(table["time"], table["event"])
    own = maximally_selected_cutpoint(
        target, table[marker].to_numpy(float), minimum_share=r["minprop"]
    )
    agree("maxstat cut point", own.cutpoint, r["cutpoint"], rtol=1e-8)
    agree("maxstat statistic", own.statistic, r["statistic"], rtol=1e-8)
