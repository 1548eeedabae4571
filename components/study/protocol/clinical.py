"""Protocol section `clinical`: the clinical predictors of each arm."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from components.study.protocol.base import Folds, Section, ascending, unique
from components.study.vocabulary import TreatmentArm

Predictors = Annotated[tuple[str, ...], AfterValidator(unique), Field(min_length=1)]
Penalty = Annotated[float, Field(ge=0, le=1e6)]


class TwoStepSelection(Section):
    """Selection by p-values, as the study did: univariate Cox models, then one multivariable."""

    univariate_p_value: float = Field(gt=0, le=1)
    multivariable_p_value: float = Field(gt=0, le=1)
    combined: Literal["keep", "reselect"] = Field(
        description="Beside the signature the selected predictors are kept, or selected again."
    )


class ImputationSection(Section):
    """Multiple imputation of missing predictors, fitted on training patients."""

    imputations: int = Field(ge=2, le=200, description="Completed tables; models are pooled.")
    iterations: int = Field(ge=1, le=100, description="Rounds of chained equations in each.")


class ClinicalSection(Section):
    """The predictors, and whether they are penalised (ridge) or selected."""

    predictors: dict[TreatmentArm, Predictors] = Field(
        description="ridge: the set written down beforehand; otherwise the candidates."
    )
    method: Literal["ridge", "two_step", "backward_aic"]
    ridge_penalties: Annotated[tuple[Penalty, ...], AfterValidator(ascending)] = Field(
        min_length=1, description="Tried by cross-validated partial likelihood; 0 is unpenalised."
    )
    cv_folds: Folds
    two_step: TwoStepSelection | None = Field(description="null unless the method is two_step.")
    splines: dict[str, Annotated[int, Field(ge=3, le=7)]] = Field(
        default={}, description="Knots of restricted cubic splines, by continuous predictor."
    )
    imputation: ImputationSection | None = Field(
        default=None, description="null: patients with missing predictors are left out."
    )

    @model_validator(mode="after")
    def _method_has_its_settings(self) -> "ClinicalSection":
        if (self.method == "two_step") != (self.two_step is not None):
            came = "null" if self.two_step is None else "settings"
            msg = (
                "clinical.two_step: expected settings with method two_step, null otherwise; came "
                f"{came} with {self.method}"
            )
            raise ValueError(msg)
        return self
