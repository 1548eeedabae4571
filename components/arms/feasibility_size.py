"""How many patients the models of an arm ask for, before anything but a clinical sheet exists."""

import math
from collections.abc import Sequence

from scipy.special import ndtr, ndtri

from components.arms.feasibility_records import GateOutlook, HorizonOutlook, ModelSize
from components.arms.sample_size import explained_variation, n_for_optimism, n_for_shrinkage
from components.cohort.imputation import CompletedTables
from components.errors import FitFailed, NoEventsInArm
from components.study.protocol import EvaluationSection, PromotionSection
from components.survival.design import Predictor
from components.survival.horizons import is_estimable
from components.survival.kaplan_meier import survival_estimate
from components.survival.target import SurvivalTarget

_WANTED_MARGIN = 0.05
_NOTHING_KNOWN = 0.15
"""Share of the largest R2 to plan with where nothing is known (Riley et al. 2019)."""

_SE_TIMES_ROOT_N = 0.194
"""Standard error of a paired difference in C times the root of the test patients: simulated 0.022
at 70 and 0.028 at 53 patients."""


def model_sizes(
    completed: CompletedTables,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    *,
    n_parameters: int,
    n_train: int,
    risk_horizon_days: float | None,
) -> tuple[ModelSize, ...]:
    """What the criteria of Riley et al. 2019, doi:10.1002/sim.7992, ask for.

    (i) a shrinkage of at least 0.9, (ii) an optimism of at most 0.05 in Nagelkerke's R2, (iii) the
    overall risk known to 0.05 either way at one horizon, here by the width of the Kaplan-Meier
    interval. First with the R2 of these patients, where a model can be fitted; then with the R2
    that one plans with where nothing is known, for the clinical predictors and for one parameter
    more, the signature.

    Args:
        completed: The patients, with empty cells filled.
        predictors: The clinical predictors that can be fitted.
        target: The patients' follow-up.
        n_parameters: The columns that the predictors span.
        n_train: Patients of the training part.
        risk_horizon_days: Where the overall risk must be known; None where nobody could say.

    Returns:
        One size a basis; none without predictors.
    """
    if not predictors:
        return ()
    by_risk = _n_for_risk(target, risk_horizon_days)
    share = n_train / target.n if target.n else 0.0

    def told(
        basis: str, p: int, r2: float | None, shrinkage: float | None, largest: float
    ) -> ModelSize:
        return _size(basis, p, r2, shrinkage, largest, by_risk=by_risk, target=target, share=share)

    try:
        found = explained_variation(completed, predictors, target)
    except (FitFailed, NoEventsInArm):
        return (told("no estimate exists", n_parameters, None, None, 1.0),)
    adjusted = found.shrinkage * found.r2 if found.shrinkage > 0 else None
    planned = _NOTHING_KNOWN * found.largest_r2
    return (
        told("as in these patients", n_parameters, adjusted, found.shrinkage, found.largest_r2),
        told("planned", n_parameters, planned, None, found.largest_r2),
        told("planned, with the signature", n_parameters + 1, planned, None, found.largest_r2),
    )


def _size(
    basis: str,
    p: int,
    r2: float | None,
    shrinkage: float | None,
    largest: float,
    *,
    by_risk: int | None,
    target: SurvivalTarget,
    share: float,
) -> ModelSize:
    by_shrinkage = by_optimism = None
    if r2 is not None:
        by_shrinkage = _whole(n_for_shrinkage(r2, p), p)
        by_optimism = _whole(n_for_optimism(r2, p, largest_r2=largest), p)
    known = [one for one in (by_shrinkage, by_optimism, by_risk) if one is not None]
    minimum = max(known) if r2 is not None else None
    n_fitted = round(target.n * share)
    further = None
    if minimum is not None and share > 0:
        further = max(math.ceil((minimum - n_fitted) / share), 0)
    events = target.n_events / target.n if target.n else 0.0
    return ModelSize(
        basis=basis,
        n_parameters=p,
        r2=r2,
        shrinkage=shrinkage,
        by_shrinkage=by_shrinkage,
        by_optimism=by_optimism,
        by_overall_risk=by_risk,
        minimum_n=minimum,
        minimum_events=None if minimum is None else math.ceil(minimum * events),
        n_fitted=n_fitted,
        further=further,
    )


def _whole(n: float | None, p: int) -> int:
    return p if n is None else math.ceil(n)


def _n_for_risk(target: SurvivalTarget, horizon_days: float | None) -> int | None:
    """Patients like these for which the overall risk at a horizon is known to 0.05 either way."""
    if horizon_days is None:
        return None
    survival = survival_estimate(target, horizon_days, interval="plain")
    if survival.value is None or survival.lower is None or survival.upper is None:
        return None
    half = max(survival.upper - survival.value, survival.value - survival.lower)
    return math.ceil(target.n * (half / _WANTED_MARGIN) ** 2)


def horizon_outlook(
    target: SurvivalTarget,
    test: SurvivalTarget,
    horizon_days: int,
    section: EvaluationSection,
) -> HorizonOutlook:
    """The arm at a horizon, and how many more patients the horizon rule asks for in its test set.

    Args:
        target: All patients of the arm.
        test: Those of a test set drawn of them.
        horizon_days: The horizon.
        section: The horizon rule.
    """
    least_died, least_beyond = section.minimum_events_before, section.minimum_at_risk_after
    died, beyond = _counts(target, horizon_days)
    test_died, test_beyond = _counts(test, horizon_days)
    rule = {"minimum_events": least_died, "minimum_at_risk": least_beyond}
    holds = is_estimable(test, horizon_days, **rule)
    further, why = None, None
    if not holds and min(test_died, test_beyond) == 0:
        nobody = "is followed beyond it" if test_beyond == 0 else "has died by it"
        why = f"nobody of the test set {nobody}: " + (
            "longer follow-up is needed first" if test_beyond == 0 else "more deaths are needed"
        )
    elif not holds:
        times = max(least_died / test_died, least_beyond / test_beyond)
        further = math.ceil(target.n * times) - target.n
    return HorizonOutlook(
        horizon_days=horizon_days,
        n_died=died,
        n_beyond=beyond,
        n_unknown=target.n - died - beyond,
        is_estimable=is_estimable(target, horizon_days, **rule),
        test_died=test_died,
        test_beyond=test_beyond,
        is_estimable_in_test=holds,
        further=further,
        why=why,
        survival=survival_estimate(target, horizon_days, level=section.confidence_level),
    )


def _counts(target: SurvivalTarget, horizon_days: int) -> tuple[int, int]:
    """Dead by the horizon, followed beyond it."""
    died = int((target.event & (target.time_days <= horizon_days)).sum())
    return died, int((target.time_days > horizon_days).sum())


def gate_outlook(n_test: int, section: PromotionSection) -> GateOutlook:
    """The chance that a challenger exactly as good as the champion passes on C in this arm."""
    if n_test == 0:
        return GateOutlook(n_test=0, standard_error=1.0, chance=0.0)
    error = _SE_TIMES_ROOT_N / math.sqrt(n_test)
    limit = float(ndtri((1 + section.interval_level) / 2)) * error
    bound = max(
        section.challenger_minimum_difference,
        section.challenger_minimum_difference_lower + limit,
    )
    return GateOutlook(n_test=n_test, standard_error=error, chance=float(ndtr(-bound / error)))
