"""Hand-crafted features as a run beside the backbones: the risk label in the same folds.

A ridge logistic regression learns the label that the networks learn, from the same patients with
the same weights, and scores each fold's patients unseen. Standardisation, harmonisation and the
penalty are of the fold's training part alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from components.arms.radiomics_figures import judged_figures
from components.arms.radiomics_harmonise import Harmoniser
from components.arms.radiomics_records import RadiomicsLabel
from components.cohort.endpoint import survival_target
from components.networks.labels import Lesson, lesson
from components.networks.records import TuningPlan
from components.study.protocol import EvaluationSection, LabelSection
from components.study.randomness import step_seed
from components.survival.target import FloatArray, IntArray

INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of standardised features; scikit-learn's C."""

_INNER_FOLDS = 5


def radiomics_label(
    features: pd.DataFrame,
    table: pd.DataFrame,
    *,
    batches: pd.Series | None,
    by: str | None,
    networks: Mapping[str, pd.Series],
    tuning: TuningPlan,
    label: LabelSection,
    evaluation: EvaluationSection,
    seed: int,
) -> RadiomicsLabel:
    """The regression's out-of-fold figures, and each backbone's AUC minus its.

    Args:
        features: Finite, indexed by patient; training patients without a row are left out.
        table: The training patients, indexed by patient, with `arm`, `fold` and the endpoint.
        batches: Scanner or center by patient, where features are harmonised.
        by: What the batches are.
        networks: The out-of-fold probability by patient of each backbone's best trial.
        tuning: The networks' tuning target.
        label: Protocol section.
        evaluation: Protocol section.
        seed: The study's seed.

    Raises:
        FitFailed: The patients outside a fold share one label.
    """
    table = table[table.index.isin(features.index)]
    values = features.loc[table.index].to_numpy(dtype=np.float64)
    target, arms = survival_target(table), table["arm"].to_numpy(dtype=np.str_)
    # Patients without features may have emptied a fold: the numbers close up.
    fold_of = np.unique(table["fold"], return_inverse=True)[1].astype(np.int64)
    harmonise = Harmoniser.of(table, batches, by=by)
    scores, penalties = np.zeros(target.n), []
    for fold in range(int(fold_of.max()) + 1):
        held_out = fold_of == fold
        known = lesson(target, arms, seen=~held_out, section=label)
        harmonised = harmonise(values, ~held_out, part=f"fold {fold + 1}")
        rng = np.random.default_rng(step_seed(seed, f"radiomics label fold {fold}"))
        fitted, penalty = _fit(harmonised, known, rng)
        scores[held_out] = fitted(harmonised[held_out])
        penalties.append(penalty)
    return judged_figures(
        table,
        scores,
        networks,
        tuning=tuning,
        label=label,
        evaluation=evaluation,
        n_features=values.shape[1],
        penalties=tuple(penalties),
        adaptations=harmonise.adaptations,
    )


@dataclass(frozen=True, eq=False)
class _Ridge:
    center: FloatArray
    scale: FloatArray
    coefficients: FloatArray
    intercept: float

    def __call__(self, values: FloatArray) -> FloatArray:
        """Probabilities (n,) of high risk."""
        z = (values - self.center) / self.scale
        return np.asarray(expit(z @ self.coefficients + self.intercept))


def _fit(values: FloatArray, known: Lesson, rng: np.random.Generator) -> tuple[_Ridge, float]:
    """The regression on a lesson with the penalty of the least inner log loss."""
    x, y, weights = values[known.rows], known.labels, known.weights
    inner = _inner_folds(y, rng)
    losses = []
    for penalty in INVERSE_PENALTIES:
        loss = 0.0
        for fold in range(_INNER_FOLDS):
            kept, out = inner != fold, inner == fold
            if not out.any() or np.unique(y[kept]).size < 2:
                continue
            p = _ridge(x[kept], y[kept], weights[kept], penalty)(x[out])
            p = np.clip(p, 1e-12, 1 - 1e-12)
            own = y[out] * np.log(p) + (1 - y[out]) * np.log(1 - p)
            loss -= float(weights[out] @ own)
        losses.append(loss)
    penalty = INVERSE_PENALTIES[int(np.argmin(losses))]
    return _ridge(x, y, weights, penalty), penalty


def _ridge(x: FloatArray, y: FloatArray, weights: FloatArray, penalty: float) -> _Ridge:
    center, scale = x.mean(axis=0), x.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    model = LogisticRegression(C=penalty, solver="newton-cholesky", tol=1e-8, max_iter=1000)
    model.fit((x - center) / scale, y, sample_weight=weights)
    return _Ridge(center, scale, np.asarray(model.coef_[0]), float(model.intercept_[0]))


def _inner_folds(labels: NDArray[np.float64], rng: np.random.Generator) -> IntArray:
    """Folds (n,) in which both labels are spread evenly."""
    folds = np.zeros(labels.size, dtype=np.int64)
    for value in (0.0, 1.0):
        members = rng.permutation(np.flatnonzero(labels == value))
        folds[members] = np.arange(members.size) % _INNER_FOLDS
    return folds
