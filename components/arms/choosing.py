"""Which predictors the models of an arm have: named beforehand, or selected."""

from dataclasses import dataclass

from components.arms.backward import Elimination, backward_aic
from components.arms.preparation import PreparedArm
from components.arms.two_step import Selection, reselect, two_step
from components.cohort.endpoint import survival_target
from components.cohort.imputation import CompletedTables
from components.study.protocol import ClinicalSection, TwoStepSelection
from components.study.vocabulary import ModelKind
from components.survival.design import Predictor

Wanted = dict[ModelKind, tuple[Predictor, ...]]


@dataclass(frozen=True, eq=False)
class ChosenPredictors:
    """What goes into each model that has a predictor to be fitted with, and how it was chosen.

    `tried` counts for the sample size: with a selection all candidates, else what is `wanted`.
    """

    wanted: Wanted
    tried: Wanted
    selection: Selection | None = None
    elimination: Elimination | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """What was selected, in words."""
        return tuple(one.sentence for one in (self.selection, self.elimination) if one)


def choose_predictors(
    prepared: PreparedArm, completed: CompletedTables, clinical: ClinicalSection
) -> ChosenPredictors:
    """The predictors of each model.

    Args:
        prepared: The arm's training patients and candidates.
        completed: The same patients with empty cells filled.
        clinical: How predictors are chosen.

    Raises:
        FitFailed: A selection needs a model that has no finite estimate.
        NoEventsInArm: Nobody has died.
    """
    if clinical.two_step is not None:
        return _two_step(prepared, completed, clinical.two_step)
    named = _wanted(prepared, prepared.clinical)
    if clinical.method == "backward_aic":
        target = survival_target(prepared.train)
        kept, elimination = backward_aic(completed, prepared.clinical, target)
        return ChosenPredictors(_wanted(prepared, kept), named, elimination=elimination)
    return ChosenPredictors(named, named)


def _two_step(
    prepared: PreparedArm, completed: CompletedTables, section: TwoStepSelection
) -> ChosenPredictors:
    target = survival_target(prepared.train)
    kept, selection = two_step(completed, prepared.clinical, target, section)
    wanted = _wanted(prepared, kept)
    if prepared.signature is not None and section.combined == "reselect":
        wanted[ModelKind.COMBINED] = reselect(
            completed,
            kept,
            target,
            signature=prepared.signature,
            p_value=section.multivariable_p_value,
        )
    return ChosenPredictors(wanted, _wanted(prepared, prepared.clinical), selection=selection)


def _wanted(prepared: PreparedArm, clinical: tuple[Predictor, ...]) -> Wanted:
    wanted: Wanted = {ModelKind.CLINICAL: clinical}
    if prepared.signature is not None:
        wanted[ModelKind.DLRADIOMICS] = (prepared.signature,)
        wanted[ModelKind.COMBINED] = (*clinical, prepared.signature)
    return wanted
