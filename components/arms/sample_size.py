"""Whether an arm has enough patients for a stable model: events per parameter, Riley's criteria."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from components.arms.records import SampleSize
from components.cohort.imputation import CompletedTables
from components.errors import FitFailed
from components.study.vocabulary import ModelKind, TreatmentArm
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor, column_names
from components.survival.target import SurvivalTarget

_KIND_WORDS = {
    ModelKind.CLINICAL: "clinical",
    ModelKind.DLRADIOMICS: "DLRadiomics",
    ModelKind.COMBINED: "combined",
}
WANTED_SHRINKAGE = 0.9
WANTED_OPTIMISM = 0.05


@dataclass(frozen=True)
class ExplainedVariation:
    """What an unpenalised model explains of its patients' survival.

    Attributes:
        r2: Cox and Snell's R2, apparent.
        shrinkage: The heuristic shrinkage 1 - p/LR, by which the apparent R2 is corrected.
        largest_r2: What no model of these patients can exceed.
    """

    r2: float
    shrinkage: float
    largest_r2: float


def explained_variation(
    completed: CompletedTables, predictors: Sequence[Predictor], target: SurvivalTarget
) -> ExplainedVariation:
    """The explained variation of the unpenalised Cox model.

    The shrinkage is that of van Houwelingen and le Cessie 1990, doi:10.1002/sim.4780091109. With
    imputation the likelihood-ratio chi-square is its mean over the completed tables.

    Raises:
        FitFailed: The model's estimate does not exist.
        NoEventsInArm: Nobody has died.
    """
    p = len(column_names(predictors))
    models = [fit_cox_model(table, predictors, target) for table in completed.of(predictors)]
    null = models[0].log_likelihood_null
    chi_square = 2 * (float(np.mean([one.log_likelihood for one in models])) - null)
    return ExplainedVariation(
        r2=1 - math.exp(-chi_square / target.n),
        shrinkage=1 - p / chi_square if chi_square > 0 else 0.0,
        largest_r2=1 - math.exp(2 * null / target.n),
    )


def sample_size(
    arm: TreatmentArm,
    kind: ModelKind,
    completed: CompletedTables,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
) -> SampleSize:
    """Events per parameter, expected shrinkage and the least number of patients of a model.

    Riley et al. 2019, doi:10.1002/sim.7992, criteria (i) a shrinkage of at least 0.9 and (ii) an
    optimism of at most 0.05 in Nagelkerke's R2, with `explained_variation`.
    """
    p = len(column_names(predictors))
    try:
        found = explained_variation(completed, predictors, target)
    except FitFailed:
        return _record(arm, kind, target, p, r2=None, shrinkage=None, minimum_n=None)
    shrinkage = found.shrinkage
    minimum_n = (
        least_n(shrinkage * found.r2, p, largest_r2=found.largest_r2) if shrinkage > 0 else None
    )
    return _record(arm, kind, target, p, r2=found.r2, shrinkage=shrinkage, minimum_n=minimum_n)


def required_n(r2_adjusted: float, n_parameters: int, *, shrinkage: float) -> float:
    """Patients for which a model of this Cox-Snell R2 shrinks by no more (equation 11)."""
    return n_parameters / ((shrinkage - 1) * math.log(1 - r2_adjusted / shrinkage))


def least_n(r2_adjusted: float, n_parameters: int, *, largest_r2: float) -> int:
    """Patients that both criteria ask for, where no model can have more than `largest_r2`."""
    needed = (
        n_for_shrinkage(r2_adjusted, n_parameters),
        n_for_optimism(r2_adjusted, n_parameters, largest_r2=largest_r2),
    )
    return math.ceil(max((one for one in needed if one is not None), default=n_parameters))


def n_for_shrinkage(r2_adjusted: float, n_parameters: int) -> float | None:
    """Patients for which a model shrinks by no more than to 0.9; None where any number does."""
    if r2_adjusted >= WANTED_SHRINKAGE:
        return None
    return required_n(r2_adjusted, n_parameters, shrinkage=WANTED_SHRINKAGE)


def n_for_optimism(r2_adjusted: float, n_parameters: int, *, largest_r2: float) -> float | None:
    """Patients for an optimism of at most 0.05 in Nagelkerke's R2; None where any number does."""
    wanted = r2_adjusted / (r2_adjusted + WANTED_OPTIMISM * largest_r2)
    return required_n(r2_adjusted, n_parameters, shrinkage=wanted) if r2_adjusted < wanted else None


def _record(
    arm: TreatmentArm,
    kind: ModelKind,
    target: SurvivalTarget,
    p: int,
    *,
    r2: float | None,
    shrinkage: float | None,
    minimum_n: int | None,
) -> SampleSize:
    is_sufficient = minimum_n is not None and target.n >= minimum_n
    share = target.n_events / target.n
    return SampleSize(
        kind=kind,
        n=target.n,
        n_events=target.n_events,
        n_parameters=p,
        events_per_parameter=target.n_events / p,
        r2_cox_snell=r2,
        expected_shrinkage=shrinkage,
        minimum_n=minimum_n,
        minimum_events=None if minimum_n is None else math.ceil(minimum_n * share),
        is_sufficient=is_sufficient,
        sentence=_sentence(arm, kind, target, shrinkage=shrinkage, minimum_n=minimum_n),
    )


def _sentence(
    arm: TreatmentArm,
    kind: ModelKind,
    target: SurvivalTarget,
    *,
    shrinkage: float | None,
    minimum_n: int | None,
) -> str:
    model = f"{arm.label}, {_KIND_WORDS[kind]} model"
    unstable = "a stable model cannot be expected from these data."
    if shrinkage is None:
        return f"{model}: without a penalty its estimate does not exist; {unstable}"
    if minimum_n is None:
        return f"{model}: its predictors explain no more than chance would; {unstable}"
    facts = (
        f"{model}: {target.n} patients ({target.n_events} deaths) where Riley's criteria ask for "
        f"{minimum_n}; expected shrinkage {shrinkage:.2f}"
    )
    return f"{facts}." if target.n >= minimum_n else f"{facts}; {unstable}"
