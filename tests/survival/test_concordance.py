"""The kernels against a comparison of all pairs, and what C must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.survival.concordance import (
    Concordance,
    concordance_value,
    concordance_within,
    deaths_up_to,
    pair_counts,
    pair_weights,
)
from components.survival.discrimination import harrell_c, uno_c
from components.survival.target import SurvivalTarget


@st.composite
def cohorts(draw):
    """4 to 30 patients in whole days with ties: target, tied score, whole weights, strata."""
    n = draw(st.integers(4, 30))

    def numbers(low, high):
        return np.array(draw(st.lists(st.integers(low, high), min_size=n, max_size=n)))

    target = SurvivalTarget.of(numbers(1, 20), numbers(0, 1))
    return target, numbers(-4, 4).astype(float), numbers(0, 3).astype(float), numbers(0, 2)


def all_pairs(target, score, death_weight, case_weight, strata):
    """Every pair looked at: counts by kind, and each patient's part of C (the kernels' twin)."""
    counts = dict.fromkeys(("concordant", "discordant", "score", "time", "both"), 0.0)
    agree, pairs = np.zeros(target.n), np.zeros(target.n)
    for i in np.flatnonzero(target.event):
        for j in range(target.n):
            if i == j or strata[i] != strata[j] or target.time_days[j] < target.time_days[i]:
                continue
            weight, same = death_weight[i] * case_weight[i] * case_weight[j], score[i] == score[j]
            if target.event[j] and target.time_days[j] == target.time_days[i]:
                counts["both" if same else "time"] += weight / 2
                continue
            higher = "concordant" if score[i] > score[j] else "discordant"
            counts["score" if same else higher] += weight
            for k in (i, j):
                agree[k] += weight * (np.sign(score[i] - score[j]) + 1) / 2
                pairs[k] += weight
    total = pairs.sum() / 2
    if total == 0:
        return counts, None, None
    value = agree.sum() / 2 / total
    return counts, value, (agree - value * pairs) / total


@given(cohorts(), st.integers(1, 25))
@settings(deadline=None, max_examples=30)
def test_the_kernels_count_what_a_comparison_of_all_pairs_counts(cohort, tau):
    target, score, case, strata = cohort
    for weight in (
        np.ones(target.n),
        deaths_up_to(target, tau),
        pair_weights(target, tau, strata=strata, case_weight=case),
    ):
        counts, value, influence = all_pairs(target, score, weight, case, strata)
        own = pair_counts(target, score, weight, strata=strata, case_weight=case)
        found = [getattr(own, name) for name in own.__dataclass_fields__]
        assert found == pytest.approx(list(counts.values()), abs=1e-9)
        found = Concordance.of(target, score, weight, strata=strata, case_weight=case)
        if value is None:
            assert found is None
            continue
        assert found.value == pytest.approx(value)
        np.testing.assert_allclose(found.influence, influence, atol=1e-12)
        everyone = np.ones(target.n)
        unweighted = all_pairs(target, score, weight, everyone, strata)[1]
        assert concordance_value(target, score, weight, strata=strata) == pytest.approx(unweighted)


@given(cohorts())
@settings(deadline=None, max_examples=25)
def test_a_patient_of_weight_two_is_two_patients(cohort):
    target, score, case, strata = cohort
    rows = np.repeat(np.arange(target.n), case.astype(int))
    copies = target.subset(rows)
    weighted = harrell_c(target, score, case_weight=case, strata=strata)
    assert weighted.value == pytest.approx(
        harrell_c(copies, score[rows], strata=strata[rows]).value
    )
    if rows.size and copies.time_days.max() >= 10:
        weighted = uno_c(target, score, tau_days=10, case_weight=case)
        assert weighted.value == pytest.approx(uno_c(copies, score[rows], tau_days=10).value)


@given(cohorts(), st.floats(0.1, 10), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=25)
def test_c_knows_neither_unit_nor_order_nor_scale(cohort, unit, seed):
    target, score, _, strata = cohort
    order = np.random.default_rng(seed).permutation(target.n)
    moved = SurvivalTarget(target.time_days * unit, target.event).subset(order)
    pairs = (
        (harrell_c(target, score), harrell_c(moved, np.exp(score[order]))),
        (
            harrell_c(target, score, strata=strata),
            harrell_c(moved, score[order] ** 3, strata=strata[order]),
        ),
        (
            uno_c(target, score, tau_days=9.5),
            uno_c(moved, 3 * score[order] + 1, tau_days=9.5 * unit),
        ),
    )
    for one, other in pairs:
        assert (one.value is None) == (other.value is None)
        if one.value is not None:
            assert [one.value, one.lower] == pytest.approx([other.value, other.lower], abs=1e-9)


@given(cohorts())
@settings(deadline=None, max_examples=25)
def test_the_sign_of_a_score_mirrors_its_c(cohort):
    target, score, _, strata = cohort
    for kind in (
        lambda score: harrell_c(target, score, strata=strata),
        lambda score: uno_c(target, score, tau_days=float(target.time_days.max())),
    ):
        one, other = kind(score), kind(-score)
        if one.value is not None:
            assert one.value == pytest.approx(1 - other.value)
            assert 0 <= one.lower <= one.value <= one.upper <= 1


def test_c_up_to_a_tau_is_c_of_the_follow_up_cut_off_there(sample):
    x, target = sample
    for tau in (10.0, 25.0, 60.0):
        own = harrell_c(target, x[:, 0], tau_days=tau)
        cut = harrell_c(target.truncated(tau), x[:, 0])
        assert [own.value, own.lower] == pytest.approx([cut.value, cut.lower])
        assert own.horizon_days == tau


def test_without_comparable_pairs_there_is_no_c():
    score = np.arange(4.0)
    for target in (
        SurvivalTarget.of([1, 2, 3, 4], [0, 0, 0, 0]),
        SurvivalTarget.of([2, 2, 2, 2], [1, 1, 1, 1]),
        SurvivalTarget.of([1, 2, 3, 4], [0, 0, 0, 1]),
    ):
        found = harrell_c(target, score)
        assert found.value is None
        assert "nobody dies while another is still followed" in found.note
        assert concordance_value(target, score) is None
        assert uno_c(target, score, tau_days=2).value is None
    assert harrell_c(SurvivalTarget.of([], []), np.zeros(0)).value is None


def test_one_death_is_enough():
    target = SurvivalTarget.of([3, 2, 4, 5], [1, 0, 0, 0])
    found = harrell_c(target, np.array([2.0, 9.0, 1.0, 3.0]))
    # Of the two still followed one has a lower score.
    assert found.value == 0.5
    assert uno_c(target, np.array([2.0, 9.0, 1.0, 3.0]), tau_days=4).value == 0.5


def test_a_tau_beyond_follow_up_is_refused(sample):
    x, target = sample
    found = uno_c(target, x[:, 0], tau_days=1e4)
    assert found.value is None
    assert "follow-up ends at day" in found.note


def test_c_within_groups_counts_no_pair_across_them():
    """Group b dies later with higher scores: disorder where pooled, order within the groups."""
    days = np.array([1, 2, 3, 11, 12, 13, 14])
    score = np.array([3.0, 2.0, 1.0, 9.0, 8.0, 6.0, 7.0])
    target = SurvivalTarget.of(days, np.ones(7))
    group = np.array(["a"] * 3 + ["b"] * 4)
    # 3 of 3 pairs agree in a, 5 of 6 in b.
    assert concordance_within(target, score, group) == pytest.approx(8 / 9)
    assert harrell_c(target, score).value < 0.5
    assert concordance_within(target, score, np.arange(7)) is None
    pooled = concordance_within(target, score, np.zeros(7))
    assert pooled == pytest.approx(harrell_c(target, score).value)


def test_unos_weights_take_the_censoring_of_their_stratum(sample):
    x, target = sample
    arm = (x[:, 1] > 0).astype(int)
    both = pair_weights(target, 40, strata=arm)
    for side in (0, 1):
        own = pair_weights(target.subset(arm == side), 40)
        np.testing.assert_array_equal(both[arm == side], own)
    assert not np.array_equal(both, pair_weights(target, 40))
