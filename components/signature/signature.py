"""The signature: a linear score of one network's deep features, and how it is fitted."""

import builtins
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from components.errors import FitFailed, IntegrityError
from components.study.protocol.signature import SignatureSection
from components.study.results import Record
from components.survival.lasso_cox import (
    FoldMap,
    LambdaRule,
    LassoCox,
    choose_lambda,
    lasso_cox,
    passing,
)
from components.survival.lasso_path import LassoProblem
from components.survival.selection import correlation_filter
from components.survival.target import FloatArray, IntArray, SurvivalTarget

# A feature whose standard deviation is less than this share of its size is constant but for the
# rounding of the network's single precision.
_CONSTANT = 1e-6

_MOST_TRAJECTORIES = 40
# Trajectories are drawn, not computed with.
_DIGITS = 6


class PenaltyPath(Record):
    """Cross-validated deviance a death and number of selected features along m penalties.

    `trajectories` are the coefficients (m,) a standard deviation of the features that a fit selects
    down to the penalty of least deviance, at most 40 of them: those that grow largest.
    """

    lambdas: tuple[float, ...]
    deviance_mean: tuple[float, ...]
    deviance_se: tuple[float, ...]
    n_nonzero: tuple[int, ...]
    trajectories: dict[int, tuple[float, ...]] = Field(default_factory=dict)

    @classmethod
    def of(cls, lasso: LassoCox, features: IntArray) -> Self:
        """The path of a cross-validated fit of features of these numbers (p,)."""
        best = choose_lambda(lasso.deviance_mean, lasso.deviance_se, rule="lambda_min")
        largest = np.abs(lasso.path.coefficients[:, : best + 1]).max(axis=1)
        shown = np.argsort(-largest, kind="stable")[:_MOST_TRAJECTORIES]
        numbers = features[lasso.screened]
        return cls(
            lambdas=tuple(lasso.path.lambdas.tolist()),
            deviance_mean=tuple(lasso.deviance_mean.tolist()),
            deviance_se=tuple(lasso.deviance_se.tolist()),
            n_nonzero=tuple(lasso.path.n_nonzero.tolist()),
            trajectories={
                int(numbers[i]): tuple(lasso.path.coefficients[i].round(_DIGITS).tolist())
                for i in sorted(shown[largest[shown] > 0].tolist())
            },
        )

    def lambda_of(self, rule: LambdaRule) -> float:
        """The penalty that a rule chooses."""
        mean, std_error = np.asarray(self.deviance_mean), np.asarray(self.deviance_se)
        return self.lambdas[choose_lambda(mean, std_error, rule=rule)]


class Signature(Record):
    """A score of the features of network `network_id`; nothing selected means it is null.

    The score is the linear predictor of the z-scored selected features, without the arm, shifted
    and scaled by `score_mean` and `score_sd`, its own in the fitting patients. `merged_strata` were
    too small for the folds of the penalty's cross-validation.
    """

    schema_: Literal["armwise.signature/1"] = Field(default="armwise.signature/1", alias="schema")
    network_id: str
    feature_indices: tuple[int, ...]
    feature_means: tuple[float, ...]
    feature_sds: tuple[float, ...]
    coefficients: tuple[float, ...]
    score_mean: float
    score_sd: float
    lambda_: float | None
    path: PenaltyPath | None
    n_features_in: int
    n_after_correlation: int
    n_after_screen: int
    n: int
    n_events: int
    merged_strata: tuple[str, ...] = ()

    @property
    def is_null(self) -> bool:
        """Whether nothing was selected."""
        return not self.feature_indices

    def apply(self, features: FloatArray) -> FloatArray:
        """The scores (n,) of a feature table (n, n_features) of the same network; 0 if null.

        Raises:
            IntegrityError: The table has another width than the one fitted on.
        """
        if features.shape[1] != self.n_features_in:
            msg = (
                f"the signature of network {self.network_id} expects {self.n_features_in} features "
                f"a patient, came {features.shape[1]}"
            )
            raise IntegrityError(msg)
        if self.is_null:
            return np.zeros(features.shape[0])
        return (self._raw(features) - self.score_mean) / self.score_sd

    def _raw(self, features: FloatArray) -> FloatArray:
        chosen = features[:, list(self.feature_indices)].astype(np.float64)
        z = (chosen - np.asarray(self.feature_means)) / np.asarray(self.feature_sds)
        return np.asarray(z @ np.asarray(self.coefficients))


def fit_signature(
    features: FloatArray,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    section: SignatureSection,
    network_id: str,
    rng: np.random.Generator,
    units: IntArray | None = None,
    map: FoldMap = builtins.map,  # noqa: A002 -- as in lasso_cox
) -> Signature:
    """The signature of one network's features, the arm held apart in every likelihood.

    In this order: constant features go; of correlated pairs one goes (`correlation_filter`); where
    the section asks for it, a univariate Cox screen stratified by arm; LASSO Cox on z-scored
    features, its likelihood stratified by arm. With `strata: none` the patients are one arm. With
    `screen_scope: each_fold` the screen stands inside the folds of the penalty's cross-validation.

    Args:
        features: (n, n_features) of one network.
        target: Follow-up of the n patients.
        arms: (n,) each patient's arm.
        section: The protocol's section.
        network_id: Which network the features come from.
        rng: Draws the folds of the penalty's cross-validation.
        units: (n,) numbers of the patients behind the rows, who share a fold; by default each row
            is a patient of its own.
        map: Runs the folds' fits.

    Raises:
        FitFailed: A feature is not finite, or there are fewer deaths than folds.
        NoEventsInArm: Nobody has died.
    """
    table = np.asarray(features, dtype=np.float64)
    inside = section.screen_p_value is not None and section.screen_scope == "each_fold"
    before = section.model_copy(update={"screen_p_value": None}) if inside else section
    uncorrelated, offered = filter_features(
        table, target, arms, section=before, network_id=network_id
    )
    means, sds = table[:, offered].mean(axis=0), table[:, offered].std(axis=0)
    z = (table[:, offered] - means) / sds
    lasso = None
    if offered.size:
        lasso = lasso_cox(
            z,
            target,
            strata=_held_apart(arms, section),
            l1_ratio=section.l1_ratio,
            n_lambdas=section.n_lambdas,
            lambda_min_ratio=section.lambda_min_ratio,
            n_folds=section.cv_folds,
            n_repeats=section.cv_repeats,
            rule=section.rule,
            rng=rng,
            screen_p_value=section.screen_p_value if inside else None,
            units=units,
            map=map,
        )
    coefficients = np.zeros(offered.size) if lasso is None else lasso.coefficients
    chosen = np.flatnonzero(coefficients)
    raw = z @ coefficients
    return Signature(
        network_id=network_id,
        feature_indices=tuple(offered[chosen].tolist()),
        feature_means=tuple(means[chosen].tolist()),
        feature_sds=tuple(sds[chosen].tolist()),
        coefficients=tuple(coefficients[chosen].tolist()),
        score_mean=float(raw.mean()) if chosen.size else 0.0,
        score_sd=float(raw.std()) if chosen.size else 1.0,
        lambda_=None if lasso is None else lasso.lambda_,
        path=None if lasso is None else PenaltyPath.of(lasso, offered),
        n_features_in=table.shape[1],
        n_after_correlation=int(uncorrelated.size),
        n_after_screen=0 if lasso is None else int(lasso.screened.size),
        n=target.n,
        n_events=target.n_events,
        merged_strata=() if lasso is None else lasso.merged_strata,
    )


def filter_features(
    features: FloatArray,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    section: SignatureSection,
    network_id: str,
) -> tuple[IntArray, IntArray]:
    """Numbers of the features left by the correlation filter, and of those left by the screen.

    Arguments and what it raises are those of `fit_signature`, of which it is the first half.
    """
    uncorrelated = _uncorrelated(features, network_id, maximum=section.maximum_correlation)
    if section.screen_p_value is None or not uncorrelated.size:
        return uncorrelated, uncorrelated
    strata = np.unique(_held_apart(arms, section), return_inverse=True)[1]
    problem = LassoProblem(features[:, uncorrelated], target, strata, section.l1_ratio)
    return uncorrelated, uncorrelated[passing(problem, section.screen_p_value)]


def _held_apart(arms: NDArray[np.str_], section: SignatureSection) -> NDArray[np.str_]:
    """The arms, or one for all where the section pools them."""
    return np.full(arms.size, "pooled") if section.strata == "none" else arms


def _uncorrelated(table: FloatArray, network_id: str, *, maximum: float) -> IntArray:
    """Numbers of the features left by the first two steps."""
    bad = np.flatnonzero(~np.isfinite(table).all(axis=0))
    if bad.size:
        msg = (
            f"feature {bad[0]} of network {network_id} (and {bad.size - 1} more) is not finite; "
            "train the network again with a smaller learning rate"
        )
        raise FitFailed(msg)
    varying = np.flatnonzero(table.std(axis=0) > _CONSTANT * np.abs(table).max(axis=0))
    if not varying.size:
        return varying
    return varying[correlation_filter(table[:, varying], maximum=maximum)]
