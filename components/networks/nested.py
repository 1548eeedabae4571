"""Repeated nested cross-validation of the networks: the honest figure of a search.

In the training part of each outer fold the whole selection is made again: configurations are
cross-validated, one is chosen by the search's rule and refitted, and the fold's own patients are
scored by it. They have taught no network, ended no training and helped to choose nothing: the mean
of their figures is of the *procedure*, where the winner's own out-of-fold figure is a maximum
(Cawley and Talbot 2010, JMLR 11:2079; Varma and Simon 2006, doi:10.1186/1471-2105-7-91).

Every figure is of one network's scores within a fold and an arm; scores of two networks are never
pooled. The interval counts that folds share their patients (`intervals.repeated_cv_estimate`).
"""

import builtins
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np

from components.errors import FitFailed
from components.networks.configurations import draw_configurations
from components.networks.crops import Crops
from components.networks.device import seed_of
from components.networks.honesty_records import NestedNetworks
from components.networks.nested_figures import FoldOutcome, sum_up
from components.networks.records import (
    ArmTarget,
    Configuration,
    EpochMetrics,
    SearchResult,
    TrialResult,
    TuningPlan,
)
from components.networks.retraining import inputs_of, scores_of_unseen
from components.networks.selection import choose
from components.networks.training import TrainingPlan, plan_training
from components.networks.training_set import TrainingSet
from components.networks.tuning import arm_figures, mean_figure, plan_tuning
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.evaluation import EvaluationSection, NestedNetworksSection
from components.study.protocol.label import LabelSection
from components.study.protocol.search import SearchSection
from components.study.randomness import step_seed
from components.study.vocabulary import TreatmentArm
from components.survival.cumulative_auc import auc_with_influence
from components.survival.discrimination import uno_c
from components.survival.folds import FoldStrata, draw_folds, fold_strata
from components.survival.ipcw import label_weights, risk_labels
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

_NO_FIGURE = "an arm of the fold has no figure: nobody died by the horizon, or is seen beyond it"
_DIVERGED = "training diverged"


@dataclass(frozen=True, eq=False)
class Setting:
    """What all outer folds share."""

    patients: TrainingSet
    inputs: Mapping[str, Crops]
    configurations: tuple[Configuration, ...]
    inner_folds: int
    plan: TrainingPlan
    tuning: TuningPlan
    label: LabelSection
    evaluation: EvaluationSection
    backbone: BackboneSection
    seed: int


@dataclass(frozen=True, eq=False)
class OuterFold:
    """A fold of a draw: who is held out (n,)."""

    name: str
    held_out: BoolArray


NestedMap = Callable[
    [Callable[[Setting, OuterFold], FoldOutcome], Iterable[Setting], Iterable[OuterFold]],
    Iterable[FoldOutcome],
]


def nested_networks(
    patients: TrainingSet,
    *,
    section: NestedNetworksSection,
    search: SearchSection,
    backbone: BackboneSection,
    label: LabelSection,
    evaluation: EvaluationSection,
    seed: int,
    map: NestedMap = builtins.map,  # noqa: A002 -- as in lasso_cox
    on_progress: Callable[[int, int], None] | None = None,
) -> NestedNetworks:
    """The figures of the networks that a search would choose, in patients it has not seen.

    Args:
        patients: The training patients; their folds play no part. Test patients have none here.
        section: Folds, draws and the budget of the selection within each.
        search: Protocol section; configurations are the first of the search's own.
        backbone: Protocol section; its rule of selection is used in each fold.
        label: Protocol section.
        evaluation: Protocol section.
        seed: The study's.
        map: Runs the folds, in order, given what they share as `itertools.repeat`; the numbers are
            the same whatever runs them.
        on_progress: Called with the number of folds done and of all folds.

    Raises:
        FitFailed: No arm has an estimable horizon.
        UsageError: A weights file is missing.
    """
    plan = plan_training(search, backbone, seed=seed)
    plan = replace(plan, total_epochs=section.epochs or plan.total_epochs)
    setting = Setting(
        patients=patients,
        inputs=inputs_of(patients, plan),
        configurations=draw_configurations(
            search.model_copy(update={"configurations": section.configurations}), backbone, seed
        ),
        inner_folds=section.inner_folds,
        plan=plan,
        tuning=plan_tuning(
            patients.target,
            patients.arms,
            horizon_days=label.horizon_days,
            evaluation=evaluation,
        ),
        label=label,
        evaluation=evaluation,
        backbone=backbone,
        seed=seed,
    )
    strata = _strata(setting, n_folds=section.folds)
    folds = _outer_folds(setting, strata.numbers, section)
    outcomes: list[FoldOutcome] = []
    for outcome in map(select_and_score, repeat(setting), folds):
        outcomes.append(outcome)
        if on_progress is not None:
            on_progress(len(outcomes), len(folds))
    return sum_up(
        outcomes,
        patients,
        setting.tuning,
        section,
        epochs=plan.total_epochs,
        merged=strata.merged,
        level=evaluation.confidence_level,
        seed=seed,
    )


def _strata(setting: Setting, *, n_folds: int) -> FoldStrata:
    """By arm and label, as the search's own folds."""
    patients = setting.patients
    labels = risk_labels(patients.target, setting.label.horizon_days)
    names = np.array([f"{a}/{c}" for a, c in zip(patients.arms, labels, strict=True)])
    return fold_strata(names, n_folds=n_folds)


def _outer_folds(
    setting: Setting, strata: IntArray, section: NestedNetworksSection
) -> list[OuterFold]:
    folds = []
    for draw in range(section.repeats):
        rng = np.random.default_rng(step_seed(setting.seed, f"nested networks, draw {draw}"))
        fold_of = draw_folds(strata, n_folds=section.folds, rng=rng)
        folds += [
            OuterFold(f"nested networks {draw} {fold}", fold_of == fold)
            for fold in range(section.folds)
        ]
    return folds


def select_and_score(setting: Setting, fold: OuterFold) -> FoldOutcome:
    """The search anew without the fold's patients, and what these say of the network chosen."""
    try:
        chosen = _choose(setting, fold)
        scores = scores_of_unseen(
            chosen,
            setting.patients,
            setting.inputs,
            fold_of=np.where(fold.held_out, 0, -1),
            may_teach=~fold.held_out,
            label=setting.label,
            plan=replace(setting.plan, seed=seed_of(setting.seed, f"{fold.name} refit")),
        )
    except FitFailed as error:
        return FoldOutcome(dict.fromkeys(setting.tuning.arms), why=str(error))
    if not np.isfinite(scores[fold.held_out]).all():
        return FoldOutcome(dict.fromkeys(setting.tuning.arms), chosen.backbone, _DIVERGED)
    by_arm = {
        arm: _figure(arm, figure, setting, fold.held_out, scores)
        for arm, figure in setting.tuning.arms.items()
    }
    why = _NO_FIGURE if None in by_arm.values() else None
    return FoldOutcome(by_arm, chosen.backbone, why)


def _choose(setting: Setting, fold: OuterFold) -> Configuration:
    """The configuration that the search's rule picks in the training part of an outer fold."""
    seen = ~fold.held_out
    patients = setting.patients
    target, arms = patients.target.subset(seen), patients.arms[seen]
    inner = np.full(patients.target.n, -1)
    strata = _strata(setting, n_folds=setting.inner_folds).numbers[seen]
    rng = np.random.default_rng(step_seed(setting.seed, f"{fold.name} inner folds"))
    inner[seen] = draw_folds(strata, n_folds=setting.inner_folds, rng=rng)
    tuning = plan_tuning(
        target, arms, horizon_days=setting.label.horizon_days, evaluation=setting.evaluation
    )
    plan = replace(setting.plan, seed=seed_of(setting.seed, fold.name))
    trials = []
    for configuration in setting.configurations:
        scores = scores_of_unseen(
            configuration,
            patients,
            setting.inputs,
            fold_of=inner,
            may_teach=seen,
            label=setting.label,
            plan=plan,
        )[seen]
        trials.append(_trial(configuration, scores, tuning, target, arms, plan.total_epochs))
    result = SearchResult(
        trials=tuple(trials),
        patient_ids=tuple(np.array(patients.patient_ids)[seen].tolist()),
        fold_of=tuple(inner[seen].tolist()),
        total_epochs=plan.total_epochs,
        tuning=tuning,
        device=plan.device,
        mixed_precision=plan.mixed_precision,
        adaptations=(),
    )
    return choose(
        result,
        target,
        arms,
        label=setting.label,
        evaluation=setting.evaluation,
        backbone=setting.backbone,
    ).configuration


def _trial(
    configuration: Configuration,
    scores: FloatArray,
    tuning: TuningPlan,
    target: SurvivalTarget,
    arms: np.ndarray,
    epochs: int,
) -> TrialResult:
    """Scores as the search would have reported them; without a target where training diverged."""
    known = bool(np.isfinite(scores).all())
    figures = arm_figures(tuning, target, arms, scores, level=0.95) if known else {}
    metrics = EpochMetrics(
        epoch=epochs,
        train_loss=None,
        tuning_target=mean_figure(list(figures.values())) if known else None,
        arms={arm: figure.value for arm, figure in figures.items()},
        seconds=0.0,
    )
    return TrialResult(
        configuration=configuration,
        status="finished",
        epochs_done=epochs,
        history=(metrics,),
        seconds=0.0,
        oof_scores=tuple(float(one) if np.isfinite(one) else None for one in scores),
        fold_networks=(),
    )


def _figure(
    arm: TreatmentArm,
    figure: ArmTarget,
    setting: Setting,
    held_out: BoolArray,
    scores: FloatArray,
) -> float | None:
    """The arm's figure among the held-out, the AUC by the censoring of the training part."""
    target, members = setting.patients.target, setting.patients.arms == arm.value
    judged = held_out & members
    part, days = target.subset(judged), figure.horizon_days
    if part.n == 0:
        return None
    if figure.estimator == "c_uno":
        return uno_c(part, scores[judged], tau_days=days).value
    train = target.subset(~held_out & members)
    weights = label_weights(part, days, fitted_on=train, cap=setting.label.weight_cap)
    found = auc_with_influence(part, scores[judged], days, weights=weights, cases="by")
    return None if found is None else found[0]
