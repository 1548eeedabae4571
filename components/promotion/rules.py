"""The rules of promotion, each for one figure of one arm.

A rule passes, finds the challenger worse (the interval excludes what is asked) or cannot decide.
"""

from components.promotion.records import Finding
from components.study.protocol import PromotionSection
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm

_C = "Uno's C"


def discrimination(arm: TreatmentArm, c: Estimate, section: PromotionSection) -> Finding:
    """A first champion discriminates: the lower limit of C is above the bound."""
    bound = section.first_minimum_c_lower
    if c.value is None or c.lower is None or c.upper is None:
        return _not_estimable(arm, _C, c)
    asked = f"{_figure(arm, _C, c)}; its lower limit has to be above {bound:g}"
    if c.lower > bound:
        return Finding(verdict="promote", reason=f"{asked}, and it is.")
    if c.upper < bound:
        return Finding(verdict="worse", reason=f"{asked}, but even its upper limit is below.")
    return Finding(verdict="cannot decide", reason=f"{asked}, and it is not.")


def calibration(arm: TreatmentArm, slope: Estimate, section: PromotionSection) -> Finding:
    """The slope lies in its range, and its interval meets the narrower one.

    The interval alone would reward uncertainty: a wide one meets everything.
    """
    low, high = section.slope_range
    meets_low, meets_high = section.slope_interval_meets
    if slope.value is None or slope.lower is None or slope.upper is None:
        return _not_estimable(arm, "the calibration slope", slope)
    figure = _figure(arm, "the calibration slope", slope)
    if slope.upper < meets_low or slope.lower > meets_high:
        reason = f"{figure}; its interval has to meet {meets_low:g} to {meets_high:g}, and misses."
        return Finding(verdict="worse", reason=reason)
    asked = (
        f"{figure}; its interval meets {meets_low:g} to {meets_high:g}, and it has to lie between "
        f"{low:g} and {high:g}"
    )
    if low <= slope.value <= high:
        return Finding(verdict="promote", reason=f"{asked}, where it is.")
    return Finding(verdict="cannot decide", reason=f"{asked}, where it is not.")


def difference(
    arm: TreatmentArm, estimate: Estimate | None, section: PromotionSection, *, rival: str
) -> Finding:
    """A later challenger loses no more than the margins against `rival`, on the same patients."""
    name = f"the difference in C from the {rival}"
    if estimate is None:
        reason = f"{arm.label}: the difference in C from the {rival} was not computed."
        return Finding(verdict="cannot decide", reason=reason)
    if estimate.value is None or estimate.lower is None or estimate.upper is None:
        return _not_estimable(arm, name, estimate)
    least, least_lower = (
        section.challenger_minimum_difference,
        section.challenger_minimum_difference_lower,
    )
    asked = (
        f"{_figure(arm, name, estimate)}; it has to be above {least:g} and its lower limit above "
        f"{least_lower:g}"
    )
    if estimate.value > least and estimate.lower > least_lower:
        return Finding(verdict="promote", reason=f"{asked}, and both are.")
    if estimate.upper < least:
        return Finding(
            verdict="worse", reason=f"{asked}, but even its upper limit is below {least:g}."
        )
    return Finding(verdict="cannot decide", reason=f"{asked}, and that is not so.")


def _figure(arm: TreatmentArm, name: str, estimate: Estimate) -> str:
    return (
        f"{arm.label}: {name} is {estimate.value:.3f} "
        f"({estimate.level:.0%} interval {estimate.lower:.3f} to {estimate.upper:.3f}, "
        f"{estimate.n} patients, {estimate.n_events} deaths)"
    )


def _not_estimable(arm: TreatmentArm, name: str, estimate: Estimate) -> Finding:
    why = f": {estimate.note}" if estimate.note else ""
    return Finding(verdict="cannot decide", reason=f"{arm.label}: {name} is not estimable{why}.")
