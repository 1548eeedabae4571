"""Whether an arm can carry a study, from its clinical sheet alone: before anyone contours."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from components.arms.feasibility_records import Accrual, ArmFeasibility, SurvivalCurve
from components.arms.feasibility_size import gate_outlook, horizon_outlook, model_sizes
from components.arms.horizons import uno_tau_days
from components.arms.imputing import completed_training
from components.arms.preparation import prepare_arm
from components.cohort.endpoint import survival_target
from components.cohort.schema import Variable
from components.study.protocol import ImputationSection, Protocol
from components.study.protocol.split import QUARTER_PATTERN
from components.study.vocabulary import SignatureState, Split, TreatmentArm
from components.survival.design import column_names
from components.survival.kaplan_meier import (
    kaplan_meier,
    median_follow_up,
    median_survival,
    numbers_at_risk,
)
from components.survival.target import FloatArray, SurvivalTarget

_FEW = ImputationSection(imputations=5, iterations=5)
_TICKS = 6


def assess_arm(
    arm: TreatmentArm,
    patients: pd.DataFrame,
    split: pd.Series,
    *,
    candidates: Sequence[str],
    codebook: Mapping[str, Variable],
    protocol: Protocol,
) -> ArmFeasibility:
    """What the sheet says of an arm.

    Args:
        arm: The arm.
        patients: Its eligible patients, day 0 counted as half a day.
        split: A split that the protocol could draw of them, "train" or "test" by patient.
        candidates: The predictors of its models.
        codebook: What they are.
        protocol: Horizons, horizon rule, label and gate.

    Raises:
        CohortRejected: A predictor's column is missing, or a time cannot be.
    """
    target = survival_target(patients)
    in_test = (split == Split.TEST.value).to_numpy()
    test, train = target.subset(in_test), target.subset(~in_test)
    evaluation = protocol.evaluation
    prepared = prepare_arm(
        arm,
        patients,
        names=candidates,
        signature=SignatureState.ABSENT,
        codebook=codebook,
        imputes=True,
    )
    fitted = survival_target(prepared.train)
    completed = completed_training(arm, prepared, fitted, _FEW, seed=protocol.study.seed)
    n_parameters = len(column_names(prepared.clinical))
    last = uno_tau_days(target, evaluation)
    label_days = float(protocol.label.horizon_days)
    return ArmFeasibility(
        arm=arm,
        n=target.n,
        n_events=target.n_events,
        n_train=train.n,
        n_train_events=train.n_events,
        n_test=test.n,
        n_test_events=test.n_events,
        follow_up=median_follow_up(target, level=evaluation.confidence_level),
        median_survival=median_survival(target, level=evaluation.confidence_level),
        last_estimable_days=last,
        horizons=tuple(
            horizon_outlook(target, test, days, evaluation) for days in protocol.study.horizons_days
        ),
        curve=_curve(target, protocol),
        candidates=tuple(one.label for one in prepared.clinical),
        n_parameters=n_parameters,
        sizes=model_sizes(
            completed,
            prepared.clinical,
            fitted,
            n_parameters=n_parameters,
            n_train=train.n,
            risk_horizon_days=None if last is None else min(last, label_days),
        ),
        accrual=accrual_of(patients),
        gate=gate_outlook(test.n, protocol.promotion),
        notes=prepared.notes,
    )


def _curve(target: SurvivalTarget, protocol: Protocol) -> SurvivalCurve:
    curve = kaplan_meier(target, level=protocol.evaluation.confidence_level)
    end = max(float(target.time_days.max()), float(protocol.study.horizons_days[-1]))
    years = max(int(np.ceil(end / 365 / _TICKS)), 1)
    ticks = [float(days) for days in range(0, int(end) + 1, 365 * years)]
    return SurvivalCurve(
        times_days=tuple(curve.times_days.tolist()),
        survival=tuple(curve.survival.tolist()),
        lower=_limits(curve.lower),
        upper=_limits(curve.upper),
        ticks_days=tuple(ticks),
        n_at_risk=tuple(numbers_at_risk(target, ticks).tolist()),
    )


def _limits(values: FloatArray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def accrual_of(patients: pd.DataFrame) -> Accrual | None:
    """Patients by quarter of treatment; None where the sheet says no quarter."""
    if "treatment_quarter" not in patients:
        return None
    words = patients["treatment_quarter"].dropna().astype(str)
    known = words[[re.match(QUARTER_PATTERN, word) is not None for word in words]]
    if known.empty:
        return None
    counts = known.value_counts()
    first, last = (_number(word) for word in (known.min(), known.max()))
    quarters = [f"{at // 4}Q{at % 4 + 1}" for at in range(first, last + 1)]
    return Accrual(
        quarters=tuple(quarters), counts=tuple(int(counts.get(name, 0)) for name in quarters)
    )


def _number(quarter: str) -> int:
    """Quarters since the year 0."""
    return 4 * int(quarter[:4]) + int(quarter[-1]) - 1
