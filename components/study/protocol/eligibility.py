"""Protocol section `eligibility`: who is studied."""

from pydantic import Field

from components.study.protocol.base import Days, Section


class EligibilitySection(Section):
    """Inclusion and exclusion rules; one that cannot be judged is "not assessable"."""

    minimum_age_years: float = Field(ge=0, le=120)
    maximum_days_ct_before_treatment: float = Field(gt=0, le=3650)
    require_complete_clinical_data: bool
    minimum_days_to_data_cut: Days | None = Field(
        default=None,
        description="Treated at least so long before the data cut, dead or alive; null: no rule.",
    )
