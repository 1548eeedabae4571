"""Figures over the patients of all arms, which mean nothing without those of the arm alone.

The arm itself predicts the outcome where the fitter patients had one treatment: a model that knew
nothing else would have the C of `arm_only`. So each pooled figure is shown with its difference from
that one, and beside the figures within the arms.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from components.arms.arm_patients import ArmPatients
from components.arms.baseline_records import PooledModel
from components.arms.horizons import not_estimable_horizons, uno_tau_days
from components.cohort.endpoint import survival_target
from components.study.protocol import Protocol
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split
from components.survival.comparison import PairedComparison, compare_auc, compare_c
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.discrimination import auc_ipcw, harrell_c, uno_c
from components.survival.target import FloatArray, SurvivalTarget

# Only the order of the arms counts; the penalty keeps it finite where an arm separates the deaths.
_FINITE = 1e-6
_Name = Literal["arm_only", "clinical", "dlradiomics", "combined"]
# The score of each figure, by its name: a figure at a horizon has the risk at that horizon.
_Scores = dict[str, FloatArray]


def pooled_models(arms: Sequence[ArmPatients], protocol: Protocol) -> tuple[PooledModel, ...]:
    """The arm alone and the arms' models in the patients of all arms; none with a single arm."""
    if len(arms) < 2:
        return ()
    pooled = {split: pd.concat([one.tables[split] for one in arms]) for split in Split}
    found: list[PooledModel] = []
    horizons = _horizons(arms, protocol)
    for split, table in pooled.items():
        target = survival_target(table)
        names = _figures(target, horizons, protocol)
        alone = _arm_only(pooled[Split.TRAIN], table, arms)
        base = dict.fromkeys(names, alone)
        found.append(_judged("arm_only", split, target, base, None, names, protocol))
        for kind in ModelKind:
            if all(kind in one.fitted.models for one in arms) and horizons:
                scores = _scores(arms, kind, split, names, horizons)
                name: _Name = kind.value
                found.append(_judged(name, split, target, scores, base, names, protocol))
    return tuple(found)


def _horizons(arms: Sequence[ArmPatients], protocol: Protocol) -> list[int]:
    """The horizons at which the training patients of every arm support a predicted risk."""
    refused = {
        days
        for one in arms
        for days in not_estimable_horizons(
            survival_target(one.tables[Split.TRAIN]),
            protocol.study.horizons_days,
            protocol.evaluation,
        )
    }
    return [days for days in protocol.study.horizons_days if days not in refused]


def _figures(
    target: SurvivalTarget, horizons: Sequence[int], protocol: Protocol
) -> dict[str, float | None]:
    """The names of the figures that these patients can give, each with its horizon or tau."""
    found: dict[str, float | None] = {"c_harrell": None}
    tau_days = uno_tau_days(target, protocol.evaluation)
    if tau_days is not None:
        found["c_uno"] = tau_days
    refused = not_estimable_horizons(target, horizons, protocol.evaluation)
    return found | {f"auc_cd_{days}d": float(days) for days in horizons if days not in refused}


def _arm_only(train: pd.DataFrame, table: pd.DataFrame, arms: Sequence[ArmPatients]) -> FloatArray:
    """The linear predictor (n,) of a Cox model that knows the arm and nothing else."""
    levels = tuple(one.arm.value for one in arms)
    arm = Predictor(name="arm", label="Arm", kind="categorical", levels=levels)
    model = fit_cox_model(train, [arm], survival_target(train), ridge=_FINITE)
    return model.linear_predictor(table)


def _scores(
    arms: Sequence[ArmPatients],
    kind: ModelKind,
    split: Split,
    names: dict[str, float | None],
    horizons: Sequence[int],
) -> _Scores:
    """Predicted risk (n,) at each figure's horizon; C takes that at the last one."""
    found: _Scores = {}
    for name, days in names.items():
        at = int(days) if name.startswith("auc") and days is not None else horizons[-1]
        found[name] = np.concatenate([_risk(one, kind, split, at) for one in arms])
    return found


def _risk(patients: ArmPatients, kind: ModelKind, split: Split, days: int) -> FloatArray:
    lp = patients.linear_predictor(kind, split).to_numpy()
    return np.asarray(1.0 - patients.fitted.models[kind].survival_at(lp, [days])[:, 0])


def _judged(
    name: _Name,
    split: Split,
    target: SurvivalTarget,
    scores: _Scores,
    base: _Scores | None,
    names: dict[str, float | None],
    protocol: Protocol,
) -> PooledModel:
    level = protocol.evaluation.confidence_level
    compared = {
        figure: _compared(figure, days, target, scores[figure], base[figure], level)
        for figure, days in names.items()
        if base is not None
    }
    return PooledModel(
        model=name,
        split=split,
        estimates={
            figure: _figure(figure, days, target, scores[figure], level)
            for figure, days in names.items()
        },
        minus_arm_only={figure: one.difference for figure, one in compared.items()},
        p_values={figure: one.p for figure, one in compared.items()},
    )


def _figure(
    name: str, days: float | None, target: SurvivalTarget, score: FloatArray, level: float
) -> Estimate:
    if days is None:
        return harrell_c(target, score, level=level)
    if name == "c_uno":
        return uno_c(target, score, tau_days=days, level=level)
    return auc_ipcw(target, score, horizon_days=days, level=level)


def _compared(
    name: str,
    days: float | None,
    target: SurvivalTarget,
    score: FloatArray,
    base: FloatArray,
    level: float,
) -> PairedComparison:
    if days is None or name == "c_uno":
        return compare_c(target, score, base, tau_days=days, level=level)
    return compare_auc(target, score, base, horizon_days=days, level=level)
