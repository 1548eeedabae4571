"""Protocol section `signature`: deep features to `dl_signature`."""

from typing import Literal

from pydantic import Field

from components.study.protocol.base import Folds, Section


class SignatureSection(Section):
    """Correlation filter, optional univariate screen, LASSO Cox."""

    fit: Literal["cross_fitted", "in_sample"] = Field(
        description="cross_fitted: training patients are scored by networks and signatures that "
        "have not seen them; in_sample: by the deployed ones, which have, as the study did."
    )
    strata: Literal["arm", "none"] = Field(
        description="arm: held apart in every likelihood; none: pooled, as the study did."
    )
    maximum_correlation: float = Field(gt=0, le=1)
    screen_p_value: float | None = Field(
        default=None, gt=0, le=1, description="Univariate Cox screen; none where null."
    )
    screen_scope: Literal["once", "each_fold"] = Field(
        default="each_fold",
        description="each_fold: the screen is done anew in each fold of the penalty's "
        "cross-validation; once: before it, with the patients that judge the penalty, as the "
        "study did.",
    )
    l1_ratio: float = Field(gt=0, le=1)
    n_lambdas: int = Field(ge=5, le=1000)
    lambda_min_ratio: float = Field(gt=0, lt=1)
    cv_folds: Folds
    cv_repeats: int = Field(ge=1, le=1000)
    rule: Literal["lambda_min", "lambda_1se"]
    stability_resamples: int | None = Field(
        default=None,
        ge=10,
        le=10_000,
        description="Bootstrap resamples that count how often a feature is selected; null: none.",
    )
