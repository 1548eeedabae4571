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


class ClinicalSection(Section):
    """The predictors, and whether they are penalised (ridge) or selected (two_step)."""

    predictors: dict[TreatmentArm, Predictors] = Field(
        description="ridge: the set written down beforehand; two_step: the candidates."
    )
    method: Literal["ridge", "two_step"]
    ridge_penalties: Annotated[tuple[Penalty, ...], AfterValidator(ascending)] = Field(
        min_length=1, description="Tried by cross-validated partial likelihood; 0 is unpenalised."
    )
    cv_folds: Folds
    two_step: TwoStepSelection | None = Field(description="null where the method is ridge.")

    @model_validator(mode="after")
    def _method_has_its_settings(self) -> "ClinicalSection":
        if (self.method == "two_step") != (self.two_step is not None):
            came = "null" if self.two_step is None else "settings"
            msg = (
                "clinical.two_step: expected settings with method two_step, null with ridge; came "
                f"{came} with {self.method}"
            )
            raise ValueError(msg)
        return self
