"""Backward elimination by Akaike's criterion, whole predictors at a time, as R's `step`.

Selection overstates what it keeps (Heinze, Wallisch and Dunkler 2018, doi:10.1002/bimj.201700067):
the profile `sound` names its predictors beforehand.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.cohort.imputation import CompletedTables
from components.errors import FitFailed
from components.study.results import Record
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor, column_names
from components.survival.target import SurvivalTarget


class EliminationStep(Record):
    """A model on the way: what was dropped to come to it (None: the first), and its AIC.

    `without` holds the AIC of this model without each predictor that is left; None where that
    model has no finite estimate.
    """

    dropped: str | None
    aic: float
    without: dict[str, float | None]


class Elimination(Record):
    """The path of the elimination; names are column names, `kept` in the candidates' order.

    `excluded` had to go before the first step, so that the full model has a finite estimate.
    """

    candidates: tuple[str, ...]
    excluded: tuple[str, ...]
    steps: tuple[EliminationStep, ...]
    kept: tuple[str, ...]
    kept_labels: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What was kept, in words for a report."""
        kept = f"kept: {', '.join(self.kept_labels)}" if self.kept else "no candidate was kept"
        return (
            f"of {len(self.candidates)} candidates {len(self.steps) - 1} were dropped, backward by "
            f"AIC ({self.steps[0].aic:.1f} to {self.steps[-1].aic:.1f}); {kept}"
        )


class Kept(NamedTuple):
    """The predictors kept, in the candidates' order, and the path to them."""

    predictors: tuple[Predictor, ...]
    elimination: Elimination


def backward_aic(
    completed: CompletedTables, candidates: Sequence[Predictor], target: SurvivalTarget
) -> Kept:
    """Drops the predictor whose loss lowers AIC most, until none lowers it; possibly all go.

    AIC is -2 log partial likelihood + 2 parameters (R: `extractAIC` of `coxph`); with imputation
    its mean over the completed tables (Consentino and Claeskens 2010,
    doi:10.1016/j.csda.2010.04.009). A candidate without which alone the full model has a finite
    estimate is excluded first.

    Args:
        completed: The training patients, empty cells filled.
        candidates: In the protocol's order.
        target: Their follow-up, in the tables' order.

    Raises:
        FitFailed: No model of candidates has a finite estimate.
        NoEventsInArm: Nobody has died.
    """
    left, now, excluded = _estimable(completed, list(candidates), target)
    steps = [_step(completed, left, target, dropped=None, aic=now)]
    while left:
        without = {name: aic for name, aic in steps[-1].without.items() if aic is not None}
        best = min(without, key=lambda name: without[name], default=None)
        # R's `step` goes on only where AIC falls: of equals the larger model stays.
        if best is None or without[best] >= steps[-1].aic:
            break
        left = [one for one in left if one.name != best]
        steps.append(_step(completed, left, target, dropped=best, aic=without[best]))
    elimination = Elimination(
        candidates=tuple(one.name for one in candidates),
        excluded=tuple(excluded),
        steps=tuple(steps),
        kept=tuple(one.name for one in left),
        kept_labels=tuple(one.label for one in left),
    )
    return Kept(tuple(left), elimination)


def _estimable(
    completed: CompletedTables, left: list[Predictor], target: SurvivalTarget
) -> tuple[list[Predictor], float, list[str]]:
    """Candidates whose model has an estimate, its AIC, and the names left out for it."""
    excluded: list[str] = []
    while True:
        try:
            return left, _aic(completed, left, target), excluded
        except FitFailed:
            if not left:
                raise
        alone = {one.name: _aic_or_none(completed, [one], target) for one in left}
        worst = max(left, key=lambda one: _badness(alone[one.name]))
        left = [one for one in left if one is not worst]
        excluded.append(worst.name)


def _badness(aic: float | None) -> float:
    """For the order in which candidates are excluded: first those without a model of their own."""
    return np.inf if aic is None else aic


def _step(
    completed: CompletedTables,
    left: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    dropped: str | None,
    aic: float,
) -> EliminationStep:
    without = {
        one.name: _aic_or_none(completed, [other for other in left if other is not one], target)
        for one in left
    }
    return EliminationStep(dropped=dropped, aic=aic, without=without)


def _aic(
    completed: CompletedTables, predictors: Sequence[Predictor], target: SurvivalTarget
) -> float:
    likelihoods = [
        fit_cox_model(table, predictors, target).log_likelihood
        for table in completed.of(predictors)
    ]
    return float(-2 * np.mean(likelihoods) + 2 * len(column_names(predictors)))


def _aic_or_none(
    completed: CompletedTables, predictors: Sequence[Predictor], target: SurvivalTarget
) -> float | None:
    try:
        return _aic(completed, predictors, target)
    except FitFailed:
        return None
