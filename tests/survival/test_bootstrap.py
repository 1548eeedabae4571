import numpy as np
import pytest

from components.errors import UsageError
from components.survival.bootstrap import (
    auc_of_resamples,
    bootstrap_auc,
    bootstrap_brier,
    bootstrap_c,
    brier_of_resamples,
    c_of_resamples,
    counts_of,
    resample_counts,
)
from components.survival.brier import brier_score
from components.survival.discrimination import auc_ipcw, harrell_c, uno_c
from components.survival.target import SurvivalTarget

HORIZON = 30.0


def figures(target, score):
    """Each figure: of resamples by their counts, of patients by the estimator."""
    survival = 1 / (1 + np.exp(score))
    return {
        "Harrell": (
            lambda counts: c_of_resamples(target, score, counts),
            lambda rows: harrell_c(target.subset(rows), score[rows]),
        ),
        "Uno": (
            lambda counts: c_of_resamples(target, score, counts, tau_days=HORIZON),
            lambda rows: uno_c(target.subset(rows), score[rows], tau_days=HORIZON),
        ),
        "AUC": (
            lambda counts: auc_of_resamples(target, score, counts, horizon_days=HORIZON),
            lambda rows: auc_ipcw(target.subset(rows), score[rows], horizon_days=HORIZON),
        ),
        "AUC, deaths before": (
            lambda counts: auc_of_resamples(
                target, score, counts, horizon_days=HORIZON, cases="before"
            ),
            lambda rows: auc_ipcw(
                target.subset(rows), score[rows], horizon_days=HORIZON, cases="before"
            ),
        ),
        "Brier": (
            lambda counts: brier_of_resamples(target, survival, counts, horizon_days=HORIZON),
            lambda rows: brier_score(target.subset(rows), survival[rows], HORIZON),
        ),
    }


def test_counts_give_what_drawing_the_rows_gives(sample):
    x, target = sample
    score = np.round(x[:, 0], 1)
    drawn = np.random.default_rng(3).integers(target.n, size=(40, target.n))
    for name, (by_counts, by_rows) in figures(target, score).items():
        expected = [by_rows(rows).value for rows in drawn]
        np.testing.assert_allclose(by_counts(counts_of(drawn)), expected, rtol=1e-10, err_msg=name)


def test_resamples_that_give_no_figure_are_counted():
    target = SurvivalTarget.of([5, 10, 40, 50, 20], [1, 0, 0, 0, 1])
    score = np.array([3.0, 1.0, 2.0, 0.0, 1.0])
    counts = resample_counts(5, np.random.default_rng(0), n_resamples=200)
    found = bootstrap_auc(target, score, counts, horizon_days=HORIZON)
    missing = np.isnan(auc_of_resamples(target, score, counts, horizon_days=HORIZON)).sum()
    assert missing > 0
    assert found.note == f"{missing} of 200 resamples gave no figure"
    assert found.value == auc_ipcw(target, score, horizon_days=HORIZON).value


def test_intervals_are_near_those_of_the_influence_functions(sample):
    x, target = sample
    score, survival = x[:, 0], 1 / (1 + np.exp(x[:, 0]))
    counts = resample_counts(target.n, np.random.default_rng(1), n_resamples=2000)
    for own, analytic in (
        (bootstrap_c(target, score, counts), harrell_c(target, score)),
        (bootstrap_c(target, score, counts, tau_days=50), uno_c(target, score, tau_days=50)),
        (
            bootstrap_auc(target, score, counts, horizon_days=HORIZON),
            auc_ipcw(target, score, horizon_days=HORIZON),
        ),
        (
            bootstrap_brier(target, survival, counts, horizon_days=HORIZON),
            brier_score(target, survival, HORIZON),
        ),
    ):
        assert own.value == pytest.approx(analytic.value)
        assert own.note is None
        assert "bootstrap percentile, 2000 resamples" in own.method
        width = analytic.upper - analytic.lower
        assert [own.lower, own.upper] == pytest.approx(
            [analytic.lower, analytic.upper], abs=width / 6
        )


def test_groups_keep_their_size():
    groups = np.repeat(["a", "b", "c"], [10, 3, 1])
    counts = resample_counts(14, np.random.default_rng(0), n_resamples=50, groups=groups)
    assert counts.shape == (50, 14)
    for group, size in (("a", 10), ("b", 3), ("c", 1)):
        assert set(counts[:, groups == group].sum(axis=1)) == {size}
    whole = resample_counts(14, np.random.default_rng(0), n_resamples=50)
    assert set(whole.sum(axis=1)) == {14}
    assert whole.max() > 1


def test_what_cannot_be_estimated_is_said(sample):
    x, target = sample
    counts = resample_counts(target.n, np.random.default_rng(0), n_resamples=5)
    nobody = SurvivalTarget(target.time_days, np.zeros(target.n, dtype=bool))
    assert "comparable" in bootstrap_c(nobody, x[:, 0], counts).note
    late = bootstrap_auc(target, x[:, 0], counts, horizon_days=1e4)
    assert "0 are seen beyond" in late.note
    survival = np.full(target.n, 0.5)
    assert "follow-up ends" in bootstrap_brier(target, survival, counts, horizon_days=1e4).note
    with pytest.raises(UsageError, match="at least 2 resamples"):
        bootstrap_c(target, x[:, 0], counts[:1])
