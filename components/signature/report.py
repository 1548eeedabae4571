"""What is reported of a signature."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from components.signature.cross_fit import CrossFit, decide_null
from components.signature.signature import PenaltyPath, Signature
from components.signature.stability import SelectionStability
from components.study.results import Estimate, Record
from components.survival.discrimination import harrell_c
from components.survival.target import FloatArray, SurvivalTarget

_SD_RATIO_ACCEPTED = (0.8, 1.25)


class SignatureCoefficient(Record):
    """A selected feature and its log hazard ratio a standard deviation."""

    feature: int
    coefficient: float


class SignatureReport(Record):
    """How the signature came about and how well its cross-fitted scores order each arm's patients.

    `sd_ratio` is the standard deviation of the cross-fitted scores over that of the deployed
    signature in patients it has not seen; outside 0.8 to 1.25 the models that were fitted on the
    former do not suit the latter, and `sd_ratio_warns`. None where the signature is null or
    nobody is left unseen. The C of a fold in which nothing was selected counts as 0.5 through its
    equal scores. Where the training patients were scored in-sample, `c_in_sample` stands in place
    of `c_cross_fitted`, and the ratio is that of these scores.
    """

    is_null: bool
    n_selected: int
    fold_selected: tuple[int, ...]
    c_cross_fitted: dict[str, Estimate]
    c_in_sample: dict[str, Estimate] = Field(default_factory=dict)
    sd_ratio: float | None
    sd_ratio_warns: bool
    path: PenaltyPath | None
    lambda_: float | None
    coefficients: tuple[SignatureCoefficient, ...]
    n_features_in: int
    n_after_correlation: int
    n_after_screen: int
    stability: SelectionStability | None = None


def report_signature(
    deployed: Signature,
    crossfit: CrossFit,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    deployed_unseen: FloatArray,
    level: float = 0.95,
    stability: SelectionStability | None = None,
) -> SignatureReport:
    """The report of a deployed signature and its cross-fit.

    Args:
        deployed: Fitted on all training patients.
        crossfit: Of the same patients, or their scores by `in_sample`.
        target: Follow-up of the n training patients.
        arms: (n,) each patient's arm.
        deployed_unseen: The deployed signature's scores of patients it has not seen (the test set).
        level: Confidence level.
        stability: How often each feature is selected over resamples, where that was asked for.
    """
    is_null = decide_null(deployed, crossfit)
    ratio = None if is_null else _sd_ratio(crossfit.scores, deployed_unseen)
    lowest, highest = _SD_RATIO_ACCEPTED
    seen = crossfit.is_in_sample
    discrimination = {
        str(arm): harrell_c(target.subset(arms == arm), crossfit.scores[arms == arm], level=level)
        for arm in np.unique(arms)
    }
    selected = zip(deployed.feature_indices, deployed.coefficients, strict=True)
    return SignatureReport(
        is_null=is_null,
        n_selected=len(deployed.feature_indices),
        fold_selected=tuple(len(fold.feature_indices) for fold in crossfit.signatures if not seen),
        c_cross_fitted={} if seen else discrimination,
        c_in_sample=discrimination if seen else {},
        sd_ratio=ratio,
        sd_ratio_warns=ratio is not None and not lowest <= ratio <= highest,
        path=deployed.path,
        lambda_=deployed.lambda_,
        coefficients=tuple(
            SignatureCoefficient(feature=feature, coefficient=coefficient)
            for feature, coefficient in selected
        ),
        n_features_in=deployed.n_features_in,
        n_after_correlation=deployed.n_after_correlation,
        n_after_screen=deployed.n_after_screen,
        stability=stability,
    )


def _sd_ratio(cross_fitted: FloatArray, unseen: FloatArray) -> float | None:
    if unseen.size < 2 or np.ptp(unseen) == 0:
        return None
    return float(np.std(cross_fitted, ddof=1) / np.std(unseen, ddof=1))
