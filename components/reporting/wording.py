"""Numbers, times and names as a reader of the report meets them."""

import re

from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split

MODEL_NAMES = {
    ModelKind.CLINICAL: "Clinical",
    ModelKind.DLRADIOMICS: "DLRadiomics",
    ModelKind.COMBINED: "Combined",
}
MODEL_PHRASES = {
    ModelKind.CLINICAL: "clinical",
    ModelKind.DLRADIOMICS: "DLRadiomics",
    ModelKind.COMBINED: "combined",
}
"""The same within a sentence."""
SPLIT_NAMES = {Split.TRAIN: "Training (apparent)", Split.TEST: "Test"}

ABSENT = "\u2013"

_ESTIMATORS = {
    "c_harrell": "Harrell's C",
    "c_uno": "Uno's C",
    "auc_cd": "AUC",
    "auc_id": "Incident/dynamic AUC",
    "brier": "Brier score",
    "ibs": "Integrated Brier score",
    "ipa": "Accuracy of prediction (IPA)",
    "cal_slope": "Calibration slope",
    "cal_intercept": "Calibration in the large (log of deaths / expected)",
    "oe": "Observed / expected deaths",
    "cal_log_oe": "Log of observed / expected deaths",
    "ici": "Calibration error (mean distance)",
}
_CUT_OFF = {"c_harrell": "Harrell's C, follow-up cut off"}
"""What a figure is that has no horizon of its own."""
_MINUS_ZERO = re.compile(r"-(0(?:\.0*)?)(?![\d.])")
_DAYS_PER_YEAR = 365
_DAYS_PER_MONTH = 365 / 12
_SMALLEST_P = 0.001
_SMALL = 0.001


def number(value: float, digits: int = 10) -> str:
    """A number without needless zeros, with a true minus sign."""
    rounded = round(value, digits) + 0.0
    return f"{rounded:.{digits}g}".replace("-", "\u2212")


def significant(value: float) -> str:
    """A number to four decimals, or to two digits where it is too small for them."""
    if value == 0 or abs(value) >= _SMALL:
        return number(value, 4)
    return f"{value:.1e}".replace("-", "\u2212")


def days_text(days: float, *, adjective: bool = False) -> str:
    """Days in the unit a reader thinks in: `3 years`, `18 months`, `200 days`; or `3-year`."""
    if days % _DAYS_PER_YEAR == 0:
        count, unit = days / _DAYS_PER_YEAR, "year"
    elif abs(days / _DAYS_PER_MONTH - round(days / _DAYS_PER_MONTH)) < 1e-6:
        count, unit = round(days / _DAYS_PER_MONTH), "month"
    else:
        count, unit = days, "day"
    if adjective:
        return f"{count:g}-{unit}"
    return f"{count:g} {unit}{'' if count == 1 else 's'}"


def p_text(p_value: float | None) -> str:
    """A p-value as journals print it."""
    if p_value is None:
        return ""
    return "< 0.001" if p_value < _SMALLEST_P else f"{p_value:.3f}"


def estimate_text(estimate: Estimate | None, digits: int = 3) -> str:
    """An estimate with its interval, or why there is none; a line may break before the interval."""
    if estimate is None:
        return "not assessed"
    if estimate.value is None:
        return f"not estimable ({estimate.note})" if estimate.note else "not estimable"
    shown = _MINUS_ZERO.sub(r"\1", estimate.text(digits)).replace("-", "\u2212")
    value, separator, interval = shown.partition(" (")
    return value + separator + interval.replace(" ", "\u00a0")


def estimator_text(key: str) -> str:
    """The name of a figure in words: `auc_cd_365d` is `AUC at 1 year`."""
    estimator, _, horizon = key.rpartition("_")
    if estimator in _ESTIMATORS and horizon.endswith("d") and horizon[:-1].isdigit():
        name = _CUT_OFF.get(estimator, _ESTIMATORS[estimator])
        return f"{name} at {days_text(int(horizon[:-1]))}"
    return _ESTIMATORS.get(key, key)


def seconds_text(seconds: float) -> str:
    """A duration, to the second above ten seconds."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def bytes_text(n_bytes: int) -> str:
    """A size in the largest unit that leaves a number above one."""
    size = float(n_bytes)
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB"


def count_text(count: int, noun: str) -> str:
    """`1 patient`, `3 patients`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"
