"""Updating a published model at a new center: as little as the patients there allow.

Updates, each holding the one before: none; recalibration in the large (the baseline's level);
slope (the level and one factor for all coefficients); new baseline (that factor and a baseline of
its own); refit (every coefficient and the baseline). Each is tested against the refit, and the
first that is not rejected is taken: a closed test, so a larger update than is needed is chosen with
probability alpha at most (Vergouwe et al. 2017, doi:10.1002/sim.7179, for logistic models).

For survival the likelihood is that of a Cox model in two parts. The partial likelihood judges the
coefficients. The published cumulative hazard H0 judges the baseline: with it as the clock deaths
are Poisson with mean sum H0(T_i) exp(lp_i) (Crowson et al. 2016, doi:10.1177/0962280213497434), and
the refit's free baseline is a level of its own in each of a few intervals with equal numbers of
deaths. Twice the difference in both parts is chi-square; its degrees of freedom add up.
"""

from typing import Literal

import numpy as np
from pydantic import Field
from scipy import stats

from components.arms.hazard_clock import HazardClock, hazard_until
from components.arms.published import NO_BASELINE, PublishedBaseline, PublishedModel
from components.arms.published_patients import MatchedPatients
from components.errors import NoEventsInArm
from components.study.results import Estimate, Record
from components.survival.calibration import calibration_intercept, calibration_slope
from components.survival.intervals import not_estimable
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard, log_likelihood
from components.survival.target import FloatArray, SurvivalTarget

UpdateKind = Literal["none", "in_the_large", "slope", "new_baseline", "refit"]

_WORDS: dict[UpdateKind, str] = {
    "none": "the model as it was published",
    "in_the_large": "recalibration in the large",
    "slope": "recalibration of level and slope",
    "new_baseline": "recalibration of the slope and a new baseline",
    "refit": "re-estimation of all coefficients and the baseline",
}


class ModelUpdate(Record):
    """An update, its likelihood, and its test against the refit.

    `n_parameters` counts the coefficients and levels estimated anew (a free baseline none). The
    log likelihoods leave out what no update changes. `p` is None for the refit itself, and where
    `why_not` says that the update cannot be judged.
    """

    kind: UpdateKind
    n_parameters: int
    coefficients: dict[str, float]
    offset: float
    log_partial_likelihood: float
    log_baseline_likelihood: float | None = None
    chi_square: float | None = None
    degrees_of_freedom: int | None = None
    p: float | None = None
    why_not: str | None = None

    @property
    def words(self) -> str:
        """The update's name in a sentence."""
        return _WORDS[self.kind]


class UpdatedModel(Record):
    """The updates tried, the one chosen, and the model that it gives.

    `log_observed_expected` is the change in the large, `slope` the calibration slope of the
    published model in these patients.
    """

    schema_: Literal["armwise.model_update/1"] = Field(
        default="armwise.model_update/1", alias="schema"
    )
    published: PublishedModel
    n: int
    n_events: int
    alpha: float
    n_intervals: int
    log_observed_expected: Estimate
    slope: Estimate
    updates: tuple[ModelUpdate, ...]
    chosen: UpdateKind
    model: PublishedModel
    notes: tuple[str, ...]

    def update(self, kind: UpdateKind) -> ModelUpdate:
        """The record of one update."""
        return next(one for one in self.updates if one.kind == kind)

    @property
    def sentence(self) -> str:
        """What was chosen and why, in words."""
        chosen = self.update(self.chosen)
        rejected = [one for one in self.updates if one.p is not None and one.p < self.alpha]
        if chosen.kind == "refit":
            return f"Every smaller update is rejected at {self.alpha:g}: {chosen.words}."
        less = ", ".join(one.words for one in rejected if _is_less(one.kind, chosen.kind))
        said = f" ({less}: rejected)" if less else ""
        return f"The least update not rejected at {self.alpha:g} is {chosen.words}{said}."


def update_model(
    model: PublishedModel, patients: MatchedPatients, *, alpha: float = 0.05, level: float = 0.95
) -> UpdatedModel:
    """The least update of a published model that these patients do not reject.

    Args:
        model: The published model.
        patients: Of the new center, all of one arm.
        alpha: Level of the closed test.
        level: Of the intervals.

    Raises:
        NoEventsInArm: Nobody has died, or nobody until the last day of the baseline.
        FitFailed: The refit, against which every update is tested, has no estimate.
    """
    target = patients.target
    clock = _clock(model, target)
    lp = model.linear_predictor(patients.table)
    x = model.design(patients.table)
    slope = calibration_slope(target, lp, level=level)
    tried = _updates(model, x, lp, target, clock, slope=slope.value)
    chosen = next(one for one in tried if one.kind == "refit" or (one.p or 0.0) >= alpha)
    return UpdatedModel(
        published=model,
        n=target.n,
        n_events=target.n_events,
        alpha=alpha,
        n_intervals=0 if clock is None else clock.deaths.size,
        log_observed_expected=_in_the_large(model, lp, target, level),
        slope=slope,
        updates=tried,
        chosen=chosen.kind,
        model=_updated(model, chosen, x, target),
        notes=(*patients.notes, *_notes(model, x, target)),
    )


def _clock(model: PublishedModel, target: SurvivalTarget) -> HazardClock | None:
    if target.n_events == 0:
        msg = f"expected deaths, none of the {target.n} patients has died; nothing can be updated"
        raise NoEventsInArm(msg)
    if model.baseline is None:
        return None
    clock = HazardClock.of(model.baseline, target)
    if clock.deaths.sum() == 0:
        msg = (
            f"expected deaths by day {model.baseline.last_day:g}, the last of the published "
            "baseline; there is none: leave the baseline out of the model"
        )
        raise NoEventsInArm(msg)
    return clock


def _in_the_large(
    model: PublishedModel, lp: FloatArray, target: SurvivalTarget, level: float
) -> Estimate:
    baseline = model.baseline
    if baseline is None:
        method = "log of observed over expected deaths, Poisson, Wald"
        return not_estimable(target, NO_BASELINE, method=method)
    seen = target.truncated(baseline.last_day)
    expected = hazard_until(baseline, seen.time_days) * np.exp(lp)
    return calibration_intercept(seen, expected, level=level)


def _updates(
    model: PublishedModel,
    x: FloatArray,
    lp: FloatArray,
    target: SurvivalTarget,
    clock: HazardClock | None,
    *,
    slope: float | None,
) -> tuple[ModelUpdate, ...]:
    """All updates in their order, each tested against the refit."""
    refit, n_free = _refit(model, x, target)
    best = refit.log_partial_likelihood
    gamma, n_slopes = (1.0, 0) if slope is None else (slope, 1)
    kinds: tuple[tuple[UpdateKind, float, bool], ...] = (
        ("none", 1.0, False),
        ("in_the_large", 1.0, True),
        ("slope", gamma, True),
        ("new_baseline", gamma, False),
    )
    found = []
    for kind, factor, with_level in kinds:
        shift = clock.level(factor * lp) if with_level and clock is not None else 0.0
        partial = float(log_likelihood(factor * lp, target)[0])
        slopes = n_slopes if kind in {"slope", "new_baseline"} else 0
        one = ModelUpdate(
            kind=kind,
            n_parameters=slopes + int(with_level),
            coefficients={name: factor * b for name, b in model.coefficients.items()},
            offset=factor * model.offset + shift,
            log_partial_likelihood=partial,
        )
        found.append(_tested(one, clock, lp, chi_square=2 * (best - partial), df=n_free - slopes))
    return (*found, refit)


def _tested(
    one: ModelUpdate, clock: HazardClock | None, lp: FloatArray, *, chi_square: float, df: int
) -> ModelUpdate:
    """The update with its test; without a published baseline only a new one can be judged."""
    own: float | None = None
    if one.kind != "new_baseline":
        if clock is None:
            return one.model_copy(update={"why_not": NO_BASELINE})
        slope = one.n_parameters == 2
        free = clock.maximum(lp, slope=slope, by_interval=True)
        own = (
            clock.as_given(lp)
            if one.kind == "none"
            else clock.maximum(lp, slope=slope, by_interval=False)
        )
        chi_square += 2 * (free - own)
        df += clock.deaths.size - int(one.kind != "none")
    chi_square = max(chi_square, 0.0)
    return one.model_copy(
        update={
            "log_baseline_likelihood": own,
            "chi_square": chi_square,
            "degrees_of_freedom": df,
            "p": float(stats.chi2.sf(chi_square, df)) if df else 1.0,
        }
    )


def _refit(model: PublishedModel, x: FloatArray, target: SurvivalTarget) -> tuple[ModelUpdate, int]:
    """The refit, and how many coefficients it has; columns that do not vary keep theirs."""
    varies = np.ptp(x, axis=0) > 0
    columns = [name for name, is_free in zip(model.columns, varies, strict=True) if is_free]
    fit = fit_cox(x[:, varies], target, columns=columns)
    estimated = dict(zip(columns, fit.coefficients.tolist(), strict=True))
    refit = ModelUpdate(
        kind="refit",
        n_parameters=len(columns),
        coefficients={**model.coefficients, **estimated},
        offset=0.0,
        log_partial_likelihood=fit.log_likelihood,
    )
    return refit, len(columns)


def _updated(
    model: PublishedModel, update: ModelUpdate, x: FloatArray, target: SurvivalTarget
) -> PublishedModel:
    """The published model after an update."""
    if update.kind == "none":
        return model
    changed: dict[str, object] = {
        "name": f"{model.name}, updated: {update.words}",
        "coefficients": update.coefficients,
        "offset": update.offset,
    }
    if update.kind in {"new_baseline", "refit"}:
        lp = x @ [update.coefficients[name] for name in model.columns]
        # The baseline is that of these patients' mean, so that its survival is never near 0.
        changed["offset"] = -float(lp.mean())
        changed["baseline"] = _baseline(lp - lp.mean(), target)
    return model.model_copy(update=changed)


def _baseline(lp: FloatArray, target: SurvivalTarget) -> PublishedBaseline:
    times, hazard = baseline_hazard(lp, target)
    return PublishedBaseline(
        kind="steps",
        times_days=tuple(times.tolist()),
        survival=tuple(np.exp(-hazard).tolist()),
        follow_up_days=float(target.time_days.max()),
    )


def _notes(model: PublishedModel, x: FloatArray, target: SurvivalTarget) -> list[str]:
    said = []
    still = [name for name, flat in zip(model.columns, np.ptp(x, axis=0) == 0, strict=True) if flat]
    if still:
        said.append(
            f"{', '.join(still)} does not vary among these patients: a refit keeps its published "
            "coefficient."
        )
    baseline = model.baseline
    if baseline is None:
        said.append("No baseline survival was published: the least update is a new baseline.")
        return said
    if baseline.kind == "horizons":
        said.append(
            "The baseline was published at horizons alone: between them its cumulative hazard is "
            "taken to rise along straight lines."
        )
    late = int(np.sum(target.time_days > baseline.last_day))
    if late:
        said.append(
            f"{late} patients are followed beyond day {baseline.last_day:g}, where the published "
            "baseline ends; it is judged until then."
        )
    return said


def _is_less(kind: UpdateKind, than: UpdateKind) -> bool:
    order = list(_WORDS)
    return order.index(kind) < order.index(than)
