import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.survival.concordance import concordance_within
from components.survival.discrimination import auc_ipcw, c_difference, harrell_c, uno_c
from components.survival.horizons import is_estimable, last_estimable_horizon
from components.survival.ipcw import label_weights
from components.survival.target import SurvivalTarget

DATASETS = ["pbc", "lung", "rotterdam"]


@st.composite
def cohorts(draw):
    """A cohort of 4 to 40 patients in whole days with ties, and a score with ties."""
    n = draw(st.integers(4, 40))
    days = draw(st.lists(st.integers(1, 30), min_size=n, max_size=n))
    died = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    score = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    return SurvivalTarget.of(days, died), np.asarray(score, dtype=float)


@pytest.mark.parametrize("dataset", DATASETS)
def test_concordance_and_its_interval_agree_with_r(dataset, values, inputs):
    table = inputs(dataset)
    for r in values(dataset, "concordance")["cases"]:
        target = SurvivalTarget.of(table[r["time"]], table["event"])
        score = table[r["marker"]].to_numpy(float)
        last = float(target.time_days.max())
        for own, theirs in (
            (harrell_c(target, score), r["harrell"]),
            (uno_c(target, score, tau_days=last), r["uno_nG2"]),
            (uno_c(target, score, tau_days=r["tau"]), r["uno_nG2_tau"]),
        ):
            found = [own.value, own.lower, own.upper]
            np.testing.assert_allclose(found, [theirs["C"], *theirs["ci"]], rtol=1e-8)


@pytest.mark.parametrize("dataset", DATASETS)
def test_difference_of_two_c_agrees_with_r(dataset, values, inputs, std_error):
    table, r = inputs(dataset), values(dataset, "concordance")["difference_survival"]
    target = SurvivalTarget.of(table["time"], table["event"])
    scores = (table["mk_lp"].to_numpy(float), table["mk_single"].to_numpy(float))
    own = c_difference(target, *scores)
    assert own.value == pytest.approx(r["diff"], rel=1e-8)
    assert std_error(own) == pytest.approx(r["se"], rel=1e-8)
    assert c_difference(target, *scores, tau_days=1000).method.startswith("difference of Uno's C")


@pytest.mark.parametrize("dataset", DATASETS)
def test_auc_agrees_with_risk_regression(dataset, values, inputs, std_error):
    r = values(dataset, "time_roc_brier")
    table = inputs(dataset).iloc[: 1500 if dataset == "rotterdam" else None]
    target = SurvivalTarget.of(table["time"], table["event"])
    for cell in r["riskRegression"]["AUC"]:
        column = f"{'risk' if cell['model'] == 'lp' else 'risk2'}_{cell['time']}"
        own = auc_ipcw(target, table[column].to_numpy(float), horizon_days=cell["time"])
        assert own.value == pytest.approx(cell["AUC"], rel=1e-8)
        assert std_error(own) == pytest.approx(cell["se"], rel=1e-6)


@pytest.mark.parametrize("dataset", DATASETS)
def test_auc_agrees_with_time_roc(dataset, values, inputs, std_error):
    table = inputs(dataset).iloc[: 1500 if dataset == "rotterdam" else None]
    compared = 0
    for case in values(dataset, "time_roc_brier")["timeROC"]["cases"]:
        target = SurvivalTarget.of(table[case["time"]], table["event"])
        score = table[case["marker"]].to_numpy(float)
        for i, horizon in enumerate(case["times"]):
            # timeROC takes a death at the horizon itself for neither case nor control.
            if np.any(target.time_days == horizon):
                continue
            own = auc_ipcw(target, score, horizon_days=horizon)
            assert own.value == pytest.approx(case["AUC"][i], rel=1e-8)
            assert std_error(own) == pytest.approx(case["se"][i], rel=2e-3)
            compared += 1
    assert compared >= 3


@given(cohorts())
@settings(deadline=None)
def test_c_counts_pairs(cohort):
    target, score = cohort
    agree = pairs = 0.0
    for i in np.flatnonzero(target.event):
        for j in range(target.n):
            later = target.time_days[j] > target.time_days[i]
            if later or (target.time_days[j] == target.time_days[i] and not target.event[j]):
                pairs += 1
                agree += 0.5 * (1 + np.sign(score[i] - score[j]))
    own = harrell_c(target, score)
    if pairs == 0:
        assert own.value is None
        assert "comparable" in own.note
    else:
        assert own.value == pytest.approx(agree / pairs)


@given(cohorts(), st.floats(0.1, 10), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_c_and_auc_do_not_care_for_units_order_or_monotone_transforms(cohort, unit, seed):
    target, score = cohort
    order = np.random.default_rng(seed).permutation(target.n)
    moved = SurvivalTarget(target.time_days * unit, target.event).subset(order)
    pairs = (
        (harrell_c(target, score), harrell_c(moved, np.exp(score[order]))),
        (
            uno_c(target, score, tau_days=15),
            uno_c(moved, 3 * score[order] + 1, tau_days=15 * unit * (1 + 1e-9)),
        ),
        (
            auc_ipcw(target, score, horizon_days=15.5),
            auc_ipcw(moved, np.arctan(score[order]), horizon_days=15.5 * unit),
        ),
    )
    for one, other in pairs:
        assert (one.value is None) == (other.value is None)
        if one.value is not None:
            assert [one.value, one.lower] == pytest.approx([other.value, other.lower], abs=1e-9)


@given(cohorts())
@settings(deadline=None)
def test_the_sign_of_a_score_mirrors_its_c_and_auc(cohort):
    target, score = cohort
    for one, other in (
        (harrell_c(target, score), harrell_c(target, -score)),
        (auc_ipcw(target, score, horizon_days=15), auc_ipcw(target, -score, horizon_days=15)),
    ):
        if one.value is not None:
            assert one.value == pytest.approx(1 - other.value)
            assert 0 <= one.lower <= one.value <= one.upper <= 1


def test_an_auc_needs_deaths_by_and_survivors_beyond_the_horizon(sample):
    x, target = sample
    late = auc_ipcw(target, x[:, 0], horizon_days=1e4)
    assert late.value is None
    assert "0 are seen beyond" in late.note


def test_given_weights_are_used_as_they_are(sample):
    x, target = sample
    own = label_weights(target, 40, fitted_on=target)
    given_same = auc_ipcw(target, x[:, 0], horizon_days=40, weights=own)
    assert given_same.value == auc_ipcw(target, x[:, 0], horizon_days=40).value
    capped = auc_ipcw(target, x[:, 0], horizon_days=40, weights=np.minimum(own, 1.05))
    assert capped.value != given_same.value


def test_the_last_estimable_horizon_is_the_largest_whole_day():
    target = SurvivalTarget.of([5, 6, 20, 30, 40], [1, 1, 0, 0, 0])
    rule = {"minimum_events": 2, "minimum_at_risk": 2}
    assert last_estimable_horizon(target, **rule) == 29
    assert is_estimable(target, 29, **rule)
    assert not is_estimable(target, 30, **rule)
    assert not is_estimable(target, 5, **rule)
    assert last_estimable_horizon(target, minimum_events=3, minimum_at_risk=2) is None
    assert last_estimable_horizon(target, minimum_events=1, minimum_at_risk=6) is None


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
