"""What a score or a prediction must be before anything is computed of it."""

import numpy as np

from components.errors import DataError
from components.survival.target import FloatArray, SurvivalTarget


def check_score(target: SurvivalTarget, score: FloatArray) -> None:
    """Refuses a score that is not one number a patient; infinite ones have an order and may stay.

    Raises:
        DataError: The score has another length than the patients, or is missing in some.
    """
    _check(target, score, "a score")


def check_survival(target: SurvivalTarget, predicted_survival: FloatArray) -> None:
    """Refuses predicted survival (n,) that is no probability.

    Raises:
        DataError: It has another length than the patients, is missing in some, or lies outside 0
            to 1 (by more than rounding).
    """
    _check(target, predicted_survival, "a predicted survival")
    outside = (predicted_survival < -1e-9) | (predicted_survival > 1.0 + 1e-9)
    if outside.any():
        msg = (
            f"expected predicted survival from 0 to 1, {int(outside.sum())} of {target.n} patients "
            f"have others, from {predicted_survival.min():g} to {predicted_survival.max():g}; a "
            "predicted risk is 1 - survival"
        )
        raise DataError(msg)


def check_case_weight(target: SurvivalTarget, case_weight: FloatArray) -> None:
    """Refuses weights (n,) of patients that are negative, infinite or missing.

    Raises:
        DataError: They are, or there are not as many as patients.
    """
    _check(target, case_weight, "a weight")
    bad = int(np.sum(~np.isfinite(case_weight) | (case_weight < 0)))
    if bad:
        msg = f"expected finite weights of at least 0, {bad} of {target.n} patients have others"
        raise DataError(msg)


def _check(target: SurvivalTarget, numbers: FloatArray, what: str) -> None:
    if numbers.shape != (target.n,):
        msg = f"expected {what} for each of {target.n} patients, came an array {numbers.shape}"
        raise DataError(msg)
    missing = int(np.isnan(numbers).sum())
    if missing:
        msg = (
            f"expected {what} for each of {target.n} patients, it is missing in {missing}; leave "
            "these patients out or impute what the model needs"
        )
        raise DataError(msg)
