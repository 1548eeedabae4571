"""What the gate needs to know of an arm, computed on patients the models were not fitted on."""

import pandas as pd

from components.arms.horizons import uno_tau_days
from components.arms.preparation import complete_patients
from components.arms.records import ArmModels
from components.cohort.endpoint import survival_target
from components.promotion.records import ArmEvidence
from components.study.protocol import EvaluationSection
from components.study.results import Estimate
from components.survival.calibration import calibration_slope
from components.survival.cox import CoxModel
from components.survival.discrimination import c_difference, uno_c

_NO_TAU = "no horizon is estimable in these patients"


def arm_evidence(
    models: ArmModels,
    patients: pd.DataFrame,
    *,
    evaluation: EvaluationSection,
    level: float,
    difference: Estimate | None = None,
    difference_to_first: Estimate | None = None,
) -> ArmEvidence:
    """Uno's C and calibration slope of the arm's nomogram model at the gate's level.

    Args:
        models: The challenger's models of the arm.
        patients: Test patients of the arm, with the challenger's deployed `dl_signature`.
        evaluation: The horizon rule, which sets tau.
        level: Of the gate's two-sided intervals.
        difference: `rival_difference` from the champion, where there is one.
        difference_to_first: The same from the first model ever approved.
    """
    model = models.nomogram_model
    known = complete_patients(patients, model.predictors)
    target, score = survival_target(known), model.linear_predictor(known)
    tau_days = uno_tau_days(target, evaluation)
    return ArmEvidence(
        model_kind=models.nomogram_kind,
        c=(
            Estimate.not_estimable(_NO_TAU, n=target.n, n_events=target.n_events, method="Uno's C")
            if tau_days is None
            else uno_c(target, score, tau_days=tau_days, level=level)
        ),
        slope=calibration_slope(target, score, level=level),
        difference=difference,
        difference_to_first=difference_to_first,
    )


def rival_difference(
    model: CoxModel,
    patients: pd.DataFrame,
    *,
    rival: CoxModel,
    rival_patients: pd.DataFrame,
    evaluation: EvaluationSection,
    level: float,
) -> Estimate:
    """Uno's C of a model minus that of a rival in the same patients (paired).

    Args:
        model: The challenger's nomogram model of the arm.
        patients: Test patients of the arm, `dl_signature` by the challenger's signature.
        rival: The champion's model of the arm, or the first ever approved.
        rival_patients: The same patients, `dl_signature` by the rival's signature. Only those
            count of whom both models know all predictors.
        evaluation: The horizon rule, which sets tau.
        level: Of the two-sided interval.
    """
    known = complete_patients(patients, model.predictors)
    rival_known = complete_patients(rival_patients, rival.predictors)
    shared = known.index.intersection(rival_known.index, sort=False)
    target = survival_target(known.loc[shared])
    tau_days = uno_tau_days(target, evaluation)
    if tau_days is None:
        return Estimate.not_estimable(
            _NO_TAU, n=target.n, n_events=target.n_events, method="difference of Uno's C"
        )
    return c_difference(
        target,
        model.linear_predictor(known.loc[shared]),
        rival.linear_predictor(rival_known.loc[shared]),
        tau_days=tau_days,
        level=level,
    )
