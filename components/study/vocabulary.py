"""The closed vocabularies of a study."""

from enum import StrEnum


class TreatmentArm(StrEnum):
    """First treatment; everything is done arm by arm. A further arm is one more member."""

    HEPATECTOMY = "hepatectomy"
    TACE = "tace"

    @property
    def label(self) -> str:
        """The arm's name as it stands in tables and figures."""
        return "TACE" if self is TreatmentArm.TACE else self.value.capitalize()


class Phase(StrEnum):
    """Contrast phase of a CT volume."""

    ARTERIAL = "arterial"
    PORTAL_VENOUS = "portal_venous"


class Split(StrEnum):
    """Part of the cohort a patient belongs to, once and for all."""

    TRAIN = "train"
    TEST = "test"


class RiskGroup(StrEnum):
    """Low or high risk by a model's frozen cut-off."""

    LOW = "low"
    HIGH = "high"


class RiskLabel(StrEnum):
    """The three-year label: high = dead by the horizon, low = followed beyond it."""

    HIGH = "high"
    LOW = "low"
    UNKNOWN = "unknown"


class ModelKind(StrEnum):
    """The Cox models of an arm."""

    CLINICAL = "clinical"
    DLRADIOMICS = "dlradiomics"
    COMBINED = "combined"


class SignatureState(StrEnum):
    """Whether the models have a deep-learning signature: null = nothing survived the penalty."""

    FITTED = "fitted"
    NULL = "null"
    ABSENT = "absent"


class DataOrigin(StrEnum):
    """Where a cohort comes from; models of the two never stand beside each other."""

    REAL = "real"
    SYNTHETIC = "synthetic"
