"""Low and high risk by a frozen cut-off, and how long each group survives."""

from collections.abc import Sequence

import numpy as np

from components.arms.evaluation import ScoredPatients
from components.arms.records import RiskGroupCurve, RiskGroups
from components.errors import DataError
from components.study.protocol import EvaluationSection
from components.study.results import Estimate
from components.study.vocabulary import RiskGroup, Split
from components.survival.cox import fit_cox
from components.survival.horizons import last_estimable_horizon
from components.survival.intervals import exponential, wald_estimate
from components.survival.kaplan_meier import (
    kaplan_meier,
    median_survival,
    numbers_at_risk,
    survival_estimate,
)
from components.survival.log_rank import log_rank
from components.survival.rmst import RmstContrast, rmst_contrast
from components.survival.target import BoolArray, FloatArray, SurvivalTarget

_HALF_YEAR_DAYS = 182.5
_MOST_COUNTS = 12


def all_risk_groups(
    scored: Sequence[ScoredPatients], section: EvaluationSection
) -> list[RiskGroups]:
    """The risk groups of every model in every split, by the cut-off that `section` asks for."""
    training = {one.kind: one.linear_predictor for one in scored if one.split is Split.TRAIN}
    is_frozen = section.cutoff == "training_median"
    return [
        risk_groups(
            one, _median(training[one.kind] if is_frozen else one.linear_predictor), section
        )
        for one in scored
        if not one.is_constant
    ]


def _median(linear_predictor: FloatArray) -> float:
    """The median; 0, the centre of every model, where there is nobody."""
    return float(np.median(linear_predictor)) if linear_predictor.size else 0.0


def risk_groups(scored: ScoredPatients, cutoff: float, section: EvaluationSection) -> RiskGroups:
    """The two groups of a split; above the cut-off is high risk, at it is low risk.

    Args:
        scored: A model's predictions in a split.
        cutoff: Median of a linear predictor; whose, says `section.cutoff`.
        section: Confidence level, and whether the cut-off is the split's own.
    """
    is_high = scored.linear_predictor > cutoff
    at_risk_days = _at_risk_days(scored.target)
    members = {RiskGroup.LOW: ~is_high, RiskGroup.HIGH: is_high}
    return RiskGroups(
        arm=scored.arm,
        kind=scored.kind,
        split=scored.split,
        cutoff=cutoff,
        is_recut=section.cutoff == "median_of_each_split" and scored.split is not Split.TRAIN,
        at_risk_days=at_risk_days,
        curves={
            group: _curve(group, scored, where, at_risk_days, section.confidence_level)
            for group, where in members.items()
            if where.any()
        },
        log_rank_p=_log_rank_p(scored.target, is_high),
        hazard_ratio=_hazard_ratio(scored, is_high, section.confidence_level),
        rmst=_rmst(scored.target, is_high, section),
    )


def _at_risk_days(target: SurvivalTarget) -> tuple[float, ...]:
    """Every half year, or year, or two, to the end of follow-up: at most a dozen counts."""
    longest = float(target.time_days.max(initial=0.0))
    step = _HALF_YEAR_DAYS
    while longest / step >= _MOST_COUNTS:
        step *= 2
    return tuple(float(days) for days in np.arange(0, longest + step / 1e6, step))


def _curve(
    group: RiskGroup,
    scored: ScoredPatients,
    where: BoolArray,
    at_risk_days: tuple[float, ...],
    level: float,
) -> RiskGroupCurve:
    target = scored.target.subset(where)
    curve = kaplan_meier(target, level=level)
    return RiskGroupCurve(
        group=group,
        n=target.n,
        n_events=target.n_events,
        times_days=tuple(curve.times_days.tolist()),
        survival=tuple(curve.survival.tolist()),
        lower=_drawn_on(curve.lower, 0.0),
        upper=_drawn_on(curve.upper, 1.0),
        n_at_risk=tuple(numbers_at_risk(target, at_risk_days).tolist()),
        median=median_survival(target, level=level),
        survival_at={
            days: survival_estimate(target, days, level=level)
            for days in scored.horizons_days
            if days not in scored.not_estimable
        },
    )


def _drawn_on(limit: FloatArray, before: float) -> tuple[float, ...]:
    """A limit of a curve (m,), drawn on flat where survival is 0 and it does not exist."""
    last_known = np.maximum.accumulate(np.where(np.isnan(limit), 0, np.arange(1, limit.size + 1)))
    return tuple(np.concatenate([[before], limit])[last_known].tolist())


def _rmst(
    target: SurvivalTarget, is_high: BoolArray, section: EvaluationSection
) -> RmstContrast | None:
    """Restricted means of low and high risk until the last day that both groups can speak of.

    That is the last estimable horizon of all patients, or an earlier day until which each group
    still has as many at risk as that rule asks for.
    """
    low, high = target.subset(~is_high), target.subset(is_high)
    at_risk = section.minimum_at_risk_after
    horizons = [
        last_estimable_horizon(
            target, minimum_events=section.minimum_events_before, minimum_at_risk=at_risk
        ),
        last_estimable_horizon(low, minimum_events=0, minimum_at_risk=at_risk),
        last_estimable_horizon(high, minimum_events=0, minimum_at_risk=at_risk),
    ]
    known = [days for days in horizons if days is not None and days > 0]
    if len(known) < len(horizons):
        return None
    return rmst_contrast(low, high, min(known), level=section.confidence_level)


def _log_rank_p(target: SurvivalTarget, is_high: BoolArray) -> float | None:
    try:
        return log_rank(target, is_high).p_value
    except DataError:
        return None


def _hazard_ratio(scored: ScoredPatients, is_high: BoolArray, level: float) -> Estimate:
    method = "Cox, high against low risk, Wald"
    if is_high.all() or not is_high.any():
        return scored.refused("all patients are in one risk group", method)
    x = is_high.astype(np.float64).reshape(-1, 1)
    try:
        fit = fit_cox(x, scored.target, columns=("high risk",))
    except DataError as error:
        return scored.refused(str(error), method)
    log_ratio = wald_estimate(
        scored.target,
        float(fit.coefficients[0]),
        float(fit.standard_errors[0]),
        method=method,
        level=level,
    )
    return exponential(log_ratio)
