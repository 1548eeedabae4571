"""Concordance: pair counts, Harrell's and Uno's C, their standard errors, two tests of two C."""

import numpy as np
import pytest
from scipy.special import ndtri

from components.survival.comparison import compare_c
from components.survival.concordance import (
    Concordance,
    concordance_value,
    deaths_up_to,
    pair_counts,
    pair_weights,
)
from components.survival.discrimination import harrell_c, uno_c
from components.survival.one_shot import compare_c_one_shot
from components.survival.target import SurvivalTarget
from tests.reference.agreement import agree

QUANTITY = "concordance"

COUNTS = ("concordant", "discordant", "tied.x", "tied.y", "tied.xy")


@pytest.fixture
def cases(cell):
    """Each case of R with its target and score."""
    table = cell.table
    return [
        (
            case,
            SurvivalTarget.of(table[case["time"]], table["event"]),
            table[case["marker"]].to_numpy(float),
        )
        for case in cell.values["cases"]
    ]


def weights(kind, target, tau):
    last = float(target.time_days.max())
    return {
        "harrell": np.ones(target.n),
        "harrell_tau": deaths_up_to(target, tau),
        "uno_nG2": pair_weights(target, last),
        "uno_nG2_tau": pair_weights(target, tau),
    }[kind]


def estimate(kind, target, score, tau):
    last = float(target.time_days.max())
    return {
        "harrell": lambda: harrell_c(target, score),
        "harrell_tau": lambda: harrell_c(target, score, tau_days=tau),
        "uno_nG2": lambda: uno_c(target, score, tau_days=last),
        "uno_nG2_tau": lambda: uno_c(target, score, tau_days=min(tau, last)),
    }[kind]()


def test_c_its_standard_error_and_interval(cases):
    for case, target, score in cases:
        for kind, theirs in case.items():
            if not isinstance(theirs, dict) or "C" not in theirs or "se" not in theirs:
                continue
            found = Concordance.of(target, score, weights(kind, target, case["tau"]))
            own = estimate(kind, target, score, case["tau"])
            name = "Harrell's C" if kind.startswith("harrell") else "Uno's C"
            agree(name, [own.value, found.value], [theirs["C"]] * 2, rtol=1e-8)
            agree(f"{name}: standard error", found.std_error, theirs["se"], rtol=1e-8)
            limits = np.clip(theirs["ci"], 0, 1)
            agree(f"{name}: interval", [own.lower, own.upper], limits, rtol=1e-8)
            assert own.n == theirs["n"]


def test_pair_counts(cases):
    for case, target, score in cases:
        for kind, theirs in case.items():
            if not isinstance(theirs, dict) or "counts" not in theirs:
                continue
            weight = weights(kind, target, case["tau"])
            own = pair_counts(target, score, weight)
            r = [theirs["counts"][name] for name in COUNTS]
            found = [own.concordant, own.discordant, own.tied_score, own.tied_time, own.tied_both]
            # A count of 0 is a difference of large sums of weights here.
            agree("pair counts", found, r, rtol=1e-8, atol=1e-12 * sum(r))
            value = concordance_value(target, score, weight)
            agree("C without its standard error", value, theirs["C"], rtol=1e-8)


def test_somers_d_as_hmisc_counts_it(cases):
    for case, target, score in cases:
        theirs = case.get("hmisc_rcorr_cens")
        if theirs is None:
            continue
        counts = pair_counts(target, score)
        found = Concordance.of(target, score, np.ones(target.n))
        ordered = 2 * found.pairs
        own = {
            "C": found.value,
            "Dxy": 2 * found.value - 1,
            "sd_dxy": 2 * found.std_error,
            "relevant": ordered,
            "concordant": 2 * counts.concordant + counts.tied_score,
            "uncertain": target.n * (target.n - 1)
            - ordered
            - 2 * (counts.tied_time + counts.tied_both),
        }
        assert set(theirs) == set(own)
        agree("Somers' D", list(own.values()), [theirs[name] for name in own], rtol=1e-8)


@pytest.fixture
def pair(cell, cases):
    """The target and the two scores of which R compares the C: `C_<name>` names them in order."""

    def of(key):
        theirs = cell.values.get(key)
        if theirs is None:
            return None
        names = [name.removeprefix("C_") for name in theirs if name.startswith("C_")]
        first = cases[0]
        same_time = [case for case in cases if case[0]["time"] == first[0]["time"]]
        scores = [
            next(score for case, _, score in same_time if case["marker"].endswith(name))
            for name in names
        ]
        return theirs, [theirs[f"C_{name}"] for name in names], first[1], scores

    return of


def test_difference_of_two_c(pair):
    found = pair("difference_survival")
    if found is None:
        return
    theirs, c, target, scores = found
    own = compare_c(target, *scores)
    ones = np.ones(target.n)
    agree("Harrell's C", [Concordance.of(target, s, ones).value for s in scores], c, rtol=1e-8)
    agree("difference of C: covariance", own.covariance, theirs["vcov"], rtol=1e-8)
    numbers = [own.difference.value, own.std_error, own.z, own.p]
    r = [theirs["diff"], theirs["se"], theirs["z"], theirs["p"]]
    agree("difference of C: difference, se, z, p", numbers, r, rtol=1e-8)
    half = ndtri(0.975) * theirs["se"]
    agree("difference of C: interval", own.difference.upper, theirs["diff"] + half, rtol=1e-8)


def test_one_shot_difference_of_two_c(pair):
    found = pair("difference_compareC")
    if found is None:
        return
    theirs, c, target, scores = found
    own = compare_c_one_shot(target, *scores)
    ones = np.ones(target.n)
    agree("Harrell's C", [Concordance.of(target, s, ones).value for s in scores], c, rtol=1e-8)
    numbers = [own.difference.value, own.std_error**2, own.z, own.p]
    r = [theirs["diff"], theirs["var_diff"], theirs["z"], theirs["p"]]
    agree("compareC: difference, variance, z, p", numbers, r, rtol=1e-8)
