"""Logistic regression of the risk label: what a classifier makes of the Cox models' predictors.

The study compares its network with such models. Patients are weighed as the protocol's section
`label` says (by default 1/G within the arm, the unknown 0), the columns are standardised, and the
coefficients carry scikit-learn's ridge penalty: 0.5 |b|^2 beside the weighted log likelihood.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from components.arms.horizons import not_estimable_horizons
from components.cohort.endpoint import survival_target
from components.errors import FitFailed
from components.networks.judging import Judged
from components.networks.labels import lesson
from components.study.protocol import EvaluationSection, LabelSection
from components.study.results import Estimate, Record
from components.study.vocabulary import ModelKind, Split, TreatmentArm
from components.survival.discrimination import (
    auc_ipcw,
    classification_at,
    roc_ipcw,
    youden_cutoff,
)
from components.survival.target import FloatArray, SurvivalTarget

_PENALTY_INVERSE = 1.0
_FIGURES = ("auc", "accuracy", "sensitivity", "specificity")


class LabelRegression(Record):
    """A logistic regression of an arm and its figures in training (apparent) and test patients.

    `coefficients` are log odds a unit of each column, `cutoff` is that of the largest sensitivity +
    specificity in training, on the log odds. `effective_n` is that of the weighed training
    patients. Where `why_not` says that it could not be fitted, there is no coefficient.
    """

    arm: TreatmentArm
    kind: ModelKind
    horizon_days: int
    penalty: str
    coefficients: dict[str, float]
    intercept: float | None
    cutoff: float | None
    n_labelled: int
    effective_n: float
    estimates: dict[Split, dict[str, Estimate]]
    why_not: str | None = None


@dataclass(frozen=True, eq=False)
class LabelledPart:
    """The patients of a split: their rows and their columns (n, p), one table an imputation."""

    table: pd.DataFrame
    columns: Sequence[FloatArray]

    @property
    def target(self) -> SurvivalTarget:
        """Their follow-up."""
        return survival_target(self.table)


def fit_label_regression(
    arm: TreatmentArm,
    kind: ModelKind,
    names: Sequence[str],
    parts: dict[Split, LabelledPart],
    *,
    label: LabelSection,
    evaluation: EvaluationSection,
) -> LabelRegression:
    """The logistic regression of an arm's risk label, judged in both splits.

    With several completed tables the coefficients are the mean over them.

    Args:
        arm: The arm.
        kind: The Cox model whose predictors it has.
        names: Of the p columns.
        parts: Training and test patients.
        label: The label, and what becomes of patients whose label is unknown.
        evaluation: Confidence level and horizon rule.
    """
    train = parts[Split.TRAIN]
    horizon = label.horizon_days
    refused = not_estimable_horizons(train.target, [horizon], evaluation).get(horizon)
    if refused is not None:
        return _not_fitted(arm, kind, parts, label, refused)
    try:
        fitted = _fit(train, label)
    except FitFailed as error:
        return _not_fitted(arm, kind, parts, label, str(error))
    scores = {split: fitted.log_odds(part.columns) for split, part in parts.items()}
    judged = _judged(train, label)
    curve = roc_ipcw(
        judged.target,
        scores[Split.TRAIN][judged.where],
        horizon_days=horizon,
        weights=judged.weights,
    )
    cutoff = youden_cutoff(curve)
    return LabelRegression(
        arm=arm,
        kind=kind,
        horizon_days=horizon,
        penalty=f"L2, C = {_PENALTY_INVERSE:g}, standardized columns",
        coefficients=dict(zip(names, fitted.coefficients.tolist(), strict=True)),
        intercept=fitted.intercept,
        cutoff=cutoff,
        n_labelled=fitted.n_labelled,
        effective_n=fitted.effective_n,
        estimates={
            split: _figures(part, scores[split], cutoff, label, evaluation)
            for split, part in parts.items()
        },
    )


@dataclass(frozen=True, eq=False)
class _Fitted:
    coefficients: FloatArray
    intercept: float
    n_labelled: int
    effective_n: float

    def log_odds(self, columns: Sequence[FloatArray]) -> FloatArray:
        """The mean log odds (n,) over the completed tables."""
        return np.asarray(
            np.mean([x @ self.coefficients + self.intercept for x in columns], axis=0)
        )


def _fit(train: LabelledPart, label: LabelSection) -> _Fitted:
    target = train.target
    everyone = np.ones(target.n, dtype=np.bool_)
    known = lesson(target, np.full(target.n, "arm"), seen=everyone, section=label)
    coefficients, intercepts = [], []
    for x in train.columns:
        center, scale = x[known.rows].mean(axis=0), x[known.rows].std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        model = LogisticRegression(C=_PENALTY_INVERSE, solver="newton-cholesky", tol=1e-10)
        z = (x[known.rows] - center) / scale
        model.fit(z, known.labels, sample_weight=known.weights)
        raw = model.coef_[0] / scale
        coefficients.append(raw)
        intercepts.append(float(model.intercept_[0] - raw @ center))
    return _Fitted(
        coefficients=np.asarray(np.mean(coefficients, axis=0)),
        intercept=float(np.mean(intercepts)),
        n_labelled=known.rows.size,
        effective_n=float(known.weights.sum() ** 2 / np.sum(known.weights**2)),
    )


def _judged(part: LabelledPart, label: LabelSection) -> Judged:
    return Judged.of(part.target, np.full(len(part.table), "arm"), label)


def _figures(
    part: LabelledPart,
    score: FloatArray,
    cutoff: float,
    label: LabelSection,
    evaluation: EvaluationSection,
) -> dict[str, Estimate]:
    """AUC, accuracy, sensitivity and specificity at the horizon, those not estimable said."""
    horizon, level = label.horizon_days, evaluation.confidence_level
    refused = not_estimable_horizons(part.target, [horizon], evaluation).get(horizon)
    if refused is not None:
        return _refused(part.target, refused, horizon)
    judged = _judged(part, label)
    score = score[judged.where]
    classified = classification_at(
        judged.target,
        score,
        cutoff=cutoff,
        horizon_days=horizon,
        level=level,
        weights=judged.weights,
    )
    auc = auc_ipcw(judged.target, score, horizon_days=horizon, level=level, weights=judged.weights)
    found = (auc, classified.accuracy, classified.sensitivity, classified.specificity)
    return {_named(name, horizon): one for name, one in zip(_FIGURES, found, strict=True)}


def _not_fitted(
    arm: TreatmentArm,
    kind: ModelKind,
    parts: dict[Split, LabelledPart],
    label: LabelSection,
    reason: str,
) -> LabelRegression:
    return LabelRegression(
        arm=arm,
        kind=kind,
        horizon_days=label.horizon_days,
        penalty=f"L2, C = {_PENALTY_INVERSE:g}, standardized columns",
        coefficients={},
        intercept=None,
        cutoff=None,
        n_labelled=0,
        effective_n=0.0,
        estimates={
            split: _refused(part.target, f"not fitted: {reason}", label.horizon_days)
            for split, part in parts.items()
        },
        why_not=reason,
    )


def _refused(target: SurvivalTarget, reason: str, horizon_days: int) -> dict[str, Estimate]:
    return {
        _named(name, horizon_days): Estimate.not_estimable(
            reason,
            n=target.n,
            n_events=target.n_events,
            method=f"{name} by IPCW",
            horizon_days=horizon_days,
        )
        for name in _FIGURES
    }


def _named(figure: str, horizon_days: int) -> str:
    """A figure's name in MLflow's metrics."""
    return f"{'auc_cd' if figure == 'auc' else figure}_{horizon_days}d"
