"""Errors that armwise raises on purpose.

ArmwiseError
├── UsageError           exit 2: a command, setting or protocol that cannot be meant
├── DataError            exit 3: the data cannot be used as they are
│   ├── CohortRejected   a whole table or cohort cannot be used
│   ├── PatientRejected  one patient cannot be used; the others go on
│   ├── NoEventsInArm    a survival model is asked of patients none of whom has died
│   └── FitFailed        an estimate does not exist or did not converge
├── PlatformError        exit 4: MLflow, Ray, Prefect, DVC or a disk did not do its part
└── IntegrityError       exit 5: something stored is not what it is recorded to be

A message says what was expected, what came, which patient (by pseudonym) or column, and what to do.
It never holds a patient's identity.
"""


class ArmwiseError(Exception):
    """Root of all errors raised on purpose; `exit_code` is that of the command line."""

    exit_code = 1


class UsageError(ArmwiseError):
    """A command, setting or protocol that cannot be meant."""

    exit_code = 2


class DataError(ArmwiseError):
    """The data cannot be used as they are."""

    exit_code = 3


class CohortRejected(DataError):
    """A whole table or cohort cannot be used."""


class PatientRejected(DataError):
    """One patient cannot be used; the others go on."""

    def __init__(self, patient_id: str, reason: str) -> None:
        super().__init__(f"patient {patient_id}: {reason}")
        self.patient_id = patient_id
        self.reason = reason

    def __reduce__(self) -> tuple[type["PatientRejected"], tuple[str, str]]:
        """Pickled by its two parts, so that it can be raised in a worker process."""
        return type(self), (self.patient_id, self.reason)


class NoEventsInArm(DataError):
    """A survival model is asked of patients none of whom has died."""


class FitFailed(DataError):
    """An estimate does not exist or did not converge."""


class PlatformError(ArmwiseError):
    """MLflow, Ray, Prefect, DVC or a disk did not do its part."""

    exit_code = 4


class IntegrityError(ArmwiseError):
    """Something stored is not what it is recorded to be."""

    exit_code = 5
