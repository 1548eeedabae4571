import numpy as np
import pytest

from components.errors import DataError
from components.survival.bootstrap import auc_of_resamples, brier_of_resamples, c_of_resamples
from components.survival.brier import brier_score
from components.survival.discrimination import auc_ipcw, harrell_c, roc_ipcw, uno_c
from components.survival.incident_dynamic import incident_dynamic_auc
from components.survival.time_roc import classification_at

ONCE = np.ones((1, 120), dtype=np.int64)

OF_SCORE = {
    "Harrell's C": harrell_c,
    "Uno's C": lambda target, score: uno_c(target, score, tau_days=30),
    "AUC": lambda target, score: auc_ipcw(target, score, horizon_days=30),
    "ROC": lambda target, score: roc_ipcw(target, score, horizon_days=30),
    "cut-off": lambda target, score: classification_at(target, score, cutoff=0, horizon_days=30),
    "incident": lambda target, score: incident_dynamic_auc(target, score, horizon_days=30),
    "C of resamples": lambda target, score: c_of_resamples(target, score, ONCE),
    "AUC of resamples": lambda target, score: auc_of_resamples(
        target, score, ONCE, horizon_days=30
    ),
}
OF_SURVIVAL = {
    "Brier": lambda target, survival: brier_score(target, survival, 30),
    "Brier of resamples": lambda target, survival: brier_of_resamples(
        target, survival, ONCE, horizon_days=30
    ),
}


@pytest.mark.parametrize("figure", OF_SCORE.values(), ids=OF_SCORE)
def test_a_missing_score_is_no_score(sample, figure):
    x, target = sample
    score = x[:, 0].copy()
    score[[3, 8]] = np.nan
    with pytest.raises(DataError, match="for each of 120 patients, it is missing in 2"):
        figure(target, score)
    with pytest.raises(DataError, match="for each of 120 patients, came an array"):
        figure(target, score[:50])


@pytest.mark.parametrize("figure", OF_SURVIVAL.values(), ids=OF_SURVIVAL)
def test_predicted_survival_is_a_probability(sample, figure):
    _, target = sample
    with pytest.raises(DataError, match="survival from 0 to 1, 1 of 120 patients have others"):
        figure(target, np.append(np.full(119, 0.5), 1.2))
    with pytest.raises(DataError, match="missing in 120"):
        figure(target, np.full(120, np.nan))


def test_infinite_scores_have_an_order(sample):
    x, target = sample
    score = np.where(x[:, 0] > 1, np.inf, x[:, 0])
    assert harrell_c(target, score).value == harrell_c(target, np.minimum(score, 5.0)).value


@pytest.mark.parametrize("bad", [-1.0, np.inf])
def test_weights_of_patients_are_counts_or_shares(sample, bad):
    x, target = sample
    weight = np.append(np.ones(119), bad)
    with pytest.raises(DataError, match="at least 0, 1 of 120 patients"):
        harrell_c(target, x[:, 0], case_weight=weight)
