"""Selection of clinical predictors by p-values, as the study did, and what it chose.

Univariate Cox models first; those below a p-value go into one multivariable model, and of these
the ones below another. Selection by p-values is unstable in some eighty patients (Heinze and
Dunkler 2017, doi:10.1111/tri.12895): the profile `sound` names its predictors beforehand.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.cohort.imputation import CompletedTables
from components.errors import FitFailed
from components.study.protocol import TwoStepSelection
from components.study.results import Record
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.pooling import wald_test
from components.survival.target import SurvivalTarget


class Candidate(Record):
    """A candidate and its joint Wald p-values over all of its levels.

    `univariate_p` is None where no finite estimate exists, `multivariable_p` where the candidate
    did not come so far. `why` says so where one was left out for want of an estimate.
    """

    name: str
    label: str
    univariate_p: float | None
    multivariable_p: float | None = None
    is_kept: bool = False
    why: str | None = None


class Selection(Record):
    """What the two steps made of the candidates, in their order."""

    univariate_p_value: float
    multivariable_p_value: float
    candidates: tuple[Candidate, ...]

    @property
    def sentence(self) -> str:
        """What was selected, in words for a report."""
        kept = [one.label for one in self.candidates if one.is_kept]
        chosen = f"selected: {', '.join(kept)}" if kept else "no candidate was selected"
        passed = sum(one.multivariable_p is not None for one in self.candidates)
        return (
            f"of {len(self.candidates)} candidates {passed} went into the multivariable model "
            f"(univariate p < {self.univariate_p_value:g}); with p < "
            f"{self.multivariable_p_value:g} there, {chosen}"
        )


class Chosen(NamedTuple):
    """The predictors selected, in the candidates' order, and how."""

    predictors: tuple[Predictor, ...]
    selection: Selection


def two_step(
    completed: CompletedTables,
    candidates: Sequence[Predictor],
    target: SurvivalTarget,
    section: TwoStepSelection,
) -> Chosen:
    """The candidates that pass both steps; possibly none.

    Where the multivariable model has no finite estimate, the candidate with the largest univariate
    p is left out of it, until it has one.

    Args:
        completed: The training patients, complete in all candidates or completed by imputation.
        candidates: In the protocol's order.
        target: Their follow-up, in the tables' order.
        section: The two p-values.

    Raises:
        NoEventsInArm: Nobody has died.
    """
    univariate = {one.name: _univariate(completed, one, target) for one in candidates}
    passed = [one for one in candidates if _is_below(univariate[one.name], section)]
    multivariable, without = _multivariable(completed, passed, target, univariate)
    found = tuple(
        Candidate(
            name=one.name,
            label=one.label,
            univariate_p=univariate[one.name],
            multivariable_p=multivariable.get(one.name),
            is_kept=multivariable.get(one.name, 1.0) < section.multivariable_p_value,
            why=_why(one, univariate, without),
        )
        for one in candidates
    )
    kept = {one.name for one in found if one.is_kept}
    selection = Selection(
        univariate_p_value=section.univariate_p_value,
        multivariable_p_value=section.multivariable_p_value,
        candidates=found,
    )
    return Chosen(tuple(one for one in candidates if one.name in kept), selection)


def reselect(
    completed: CompletedTables,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    signature: Predictor,
    p_value: float,
) -> tuple[Predictor, ...]:
    """The predictors still below `p_value` beside the signature, which stays whatever its p.

    Raises:
        FitFailed: The model with the signature has no finite estimate.
    """
    found = wald_p(completed, [*predictors, signature], target)
    return (*(one for one in predictors if found[one.name] < p_value), signature)


def wald_p(
    completed: CompletedTables, predictors: Sequence[Predictor], target: SurvivalTarget
) -> dict[str, float]:
    """Each predictor's joint Wald p in the Cox model of all of them, by name.

    With imputation the pooled test D1 (`components.survival.pooling.wald_test`).

    Raises:
        FitFailed: The model has no finite estimate.
        NoEventsInArm: Nobody has died.
    """
    models = [fit_cox_model(table, predictors, target) for table in completed.of(predictors)]
    coefficients = np.asarray([one.coefficients for one in models])
    covariances = np.asarray([one.covariance for one in models])
    found, start = {}, 0
    for one in predictors:
        own = slice(start, start + len(one.columns))
        found[one.name] = wald_test(coefficients[:, own], covariances[:, own, own]).p_value
        start = own.stop
    return found


def _is_below(p_value: float | None, section: TwoStepSelection) -> bool:
    return p_value is not None and p_value < section.univariate_p_value


def _univariate(completed: CompletedTables, one: Predictor, target: SurvivalTarget) -> float | None:
    try:
        return wald_p(completed, [one], target)[one.name]
    except FitFailed:
        return None


def _multivariable(
    completed: CompletedTables,
    passed: Sequence[Predictor],
    target: SurvivalTarget,
    univariate: dict[str, float | None],
) -> tuple[dict[str, float], set[str]]:
    """p-values by name, and the names left out so that the model has an estimate."""
    left = list(passed)
    without: set[str] = set()
    while left:
        try:
            return wald_p(completed, left, target), without
        except FitFailed:
            weakest = max(left, key=lambda one: univariate[one.name] or 0.0)
            left.remove(weakest)
            without.add(weakest.name)
    return {}, without


def _why(one: Predictor, univariate: dict[str, float | None], without: set[str]) -> str | None:
    if univariate[one.name] is None:
        return "no finite estimate: a level without deaths, or with nothing but deaths"
    if one.name in without:
        return "left out so that the multivariable model has a finite estimate"
    return None
