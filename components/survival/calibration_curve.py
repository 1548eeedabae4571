"""The smooth calibration curve of any predicted survival, and how far it lies from the diagonal.

Own code because no Python library has it (lifelines' is far off): the hazard is regressed on a
restricted cubic spline of the complementary log-log of the predicted risk in a Cox model (Efron),
whose risk at the horizon is the observed one (Austin, Harrell and van Klaveren 2020,
doi:10.1002/sim.8570, who offer it beside adaptive hazard regression).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from components.errors import CohortRejected, DataError
from components.study.results import Estimate, Record
from components.survival.calibration import log_log_risk
from components.survival.intervals import not_estimable
from components.survival.newton import fit_cox
from components.survival.partial_likelihood import baseline_hazard
from components.survival.resampled_cox import draw_resamples, refit_resampled
from components.survival.splines import FEWEST_KNOTS, spline_basis, spline_knots
from components.survival.target import FloatArray, SurvivalTarget

_GRID_POINTS = 41
# The shares of the predictions between which the curve is drawn.
_DRAWN = (0.02, 0.98)
# Resamples in which the curve exists, of all; below it no interval is given.
_ENOUGH_RESAMPLES = 0.9
_MEASURES = {"ici": "mean", "e50": "median", "e90": "90% quantile"}


class CalibrationCurve(Record):
    """Observed against predicted risk of death by a horizon, smoothed.

    `ici`, `e50` and `e90` are the mean, the median and the 90% quantile of the patients' distances
    between observed and predicted risk. The curve is given at the risks `predicted`, with pointwise
    limits where resamples were drawn. It is empty where it is not estimable.
    """

    horizon_days: float
    predicted: tuple[float, ...] = ()
    observed: tuple[float, ...] = ()
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()
    ici: Estimate
    e50: Estimate
    e90: Estimate


def calibration_curve(
    target: SurvivalTarget,
    predicted_survival: FloatArray,
    *,
    horizon_days: float,
    knots: Sequence[float] | None = None,
    at: FloatArray | None = None,
    n_resamples: int = 0,
    rng: np.random.Generator | None = None,
    level: float = 0.95,
) -> CalibrationCurve:
    """The smooth calibration curve of predicted survival (n,) at a horizon.

    Not estimable where predictions are equal, or 0 or 1, where nobody is followed to the horizon
    or where the Cox model has no estimate. A distance is never below 0, so resamples lean to larger
    ones: the interval is that of their percentiles, extended to the estimate where it lies below.

    Args:
        target: Follow-up of the n patients.
        predicted_survival: Of any model, strictly between 0 and 1.
        horizon_days: The horizon of the predictions.
        knots: On the scale of `log_log_risk`; by default three as `rms::rcs` places them, and a
            line where too few predictions differ.
        at: (m,) risks strictly between 0 and 1 at which the curve is given; by default 41 within
            the inner 96% of the predictions.
        n_resamples: Resamples of the patients, knots kept; 0 for no intervals.
        rng: Draws the resamples.
        level: Of the intervals.
    """
    try:
        smoother = _Smoother.fit(target, predicted_survival, horizon_days, knots, at)
    except DataError as error:
        return _not_estimable(target, str(error), horizon_days)
    resamples = None
    if n_resamples and rng is not None:
        resamples = smoother.resample(target, n_resamples, rng)
    return smoother.curve(target, resamples, level=level)


@dataclass(frozen=True, eq=False)
class _Resampled:
    """Risks on the grid (m, b) and the three distances (3, b) of the resamples that have a fit."""

    at_grid: FloatArray
    distances: FloatArray


@dataclass(frozen=True, eq=False)
class _Smoother:
    """The Cox model of the spline: its columns at the patients `x` (n, p) and on a grid (m, p)."""

    horizon_days: float
    predicted: FloatArray
    grid: FloatArray
    x: FloatArray
    x_grid: FloatArray
    coefficients: FloatArray
    hazard: float

    @classmethod
    def fit(
        cls,
        target: SurvivalTarget,
        predicted_survival: FloatArray,
        horizon_days: float,
        knots: Sequence[float] | None,
        at: FloatArray | None,
    ) -> Self:
        _check_followed(target, horizon_days)
        scale = log_log_risk(predicted_survival)
        if at is None:
            first, last = np.quantile(1.0 - predicted_survival, _DRAWN).tolist()
            # The risk of a survival below some 1e-16 is rounded to 1, whose log-log is infinite.
            at = np.minimum(np.linspace(first, last, _GRID_POINTS), np.nextafter(1.0, 0.0))
        if knots is None:
            knots = _default_knots(scale)
        columns = _columns(scale, knots)
        mean, sd = columns.mean(axis=0), columns.std(axis=0)
        x = (columns - mean) / sd
        names = [f"spline term {j + 1} of the predicted risk" for j in range(x.shape[1])]
        coefficients = fit_cox(x, target, columns=names).coefficients
        times, hazard = baseline_hazard(x @ coefficients, target)
        return cls(
            horizon_days=horizon_days,
            predicted=1.0 - predicted_survival,
            grid=at,
            x=x,
            x_grid=(_columns(np.log(-np.log1p(-at)), knots) - mean) / sd,
            coefficients=coefficients,
            hazard=float(hazard[np.searchsorted(times, horizon_days, side="right") - 1]),
        )

    @property
    def method(self) -> str:
        """How the observed risk is got."""
        terms = self.x.shape[1]
        spline = "a line" if terms == 1 else f"a spline of {terms + 1} knots"
        return f"Cox model of {spline} of the predicted log cumulative hazard"

    def risk(self, x: FloatArray) -> FloatArray:
        """The observed risk (m,) of patients with columns `x`."""
        return np.asarray(1.0 - np.exp(-self.hazard * np.exp(x @ self.coefficients)))

    def resample(
        self, target: SurvivalTarget, n_resamples: int, rng: np.random.Generator
    ) -> _Resampled | None:
        """Curve and distances of each resample; None where too few of them have a fit."""
        rows = draw_resamples(target.n, n_resamples=n_resamples, rng=rng)
        cox = refit_resampled(
            self.x, target, rows, start=self.coefficients, horizon_days=self.horizon_days
        )
        fitted = np.flatnonzero(cox.is_fitted)
        if fitted.size < _ENOUGH_RESAMPLES * n_resamples:
            return None
        distance = np.abs(cox.risk(self.x) - self.predicted[:, None])
        drawn = np.take_along_axis(distance.T[fitted], rows[fitted], axis=1)
        return _Resampled(cox.risk(self.x_grid)[:, fitted], _distances(drawn))

    def curve(
        self, target: SurvivalTarget, resamples: _Resampled | None, *, level: float
    ) -> CalibrationCurve:
        """The record of the curve, with intervals where there are resamples."""
        tails = ((1.0 - level) / 2.0, (1.0 + level) / 2.0)
        values = _distances(np.abs(self.risk(self.x) - self.predicted)[None])[:, 0]
        limits: list[list[float] | list[None]] = [[None, None]] * values.size
        band = np.empty((2, 0))
        if resamples is not None:
            found = np.quantile(resamples.distances, tails, axis=1)
            found[0] = np.minimum(found[0], values)
            found[1] = np.maximum(found[1], values)
            limits, band = found.T.tolist(), np.quantile(resamples.at_grid, tails, axis=1)
        percentiles = "" if resamples is None else ", bootstrap percentiles"
        measures = {
            key: Estimate(
                value=float(value),
                lower=lower,
                upper=upper,
                level=level,
                n=target.n,
                n_events=target.n_events,
                method=f"{_distance_text(key)}, {self.method}{percentiles}",
                horizon_days=self.horizon_days,
            )
            for key, value, (lower, upper) in zip(_MEASURES, values, limits, strict=True)
        }
        return CalibrationCurve(
            horizon_days=self.horizon_days,
            predicted=tuple(self.grid.tolist()),
            observed=tuple(self.risk(self.x_grid).tolist()),
            lower=tuple(band[0].tolist()),
            upper=tuple(band[1].tolist()),
            **measures,
        )


def _check_followed(target: SurvivalTarget, horizon_days: float) -> None:
    if horizon_days > target.time_days.max(initial=0.0):
        msg = f"nobody is followed to day {horizon_days:g}"
        raise DataError(msg)
    if not np.any(target.event & (target.time_days <= horizon_days)):
        msg = f"nobody dies by day {horizon_days:g}"
        raise DataError(msg)


def _default_knots(scale: FloatArray) -> tuple[float, ...]:
    """Three knots, none where too few predictions differ."""
    try:
        return spline_knots(scale, FEWEST_KNOTS)
    except CohortRejected:
        return ()


def _columns(scale: FloatArray, knots: Sequence[float]) -> FloatArray:
    return spline_basis(scale, knots) if len(knots) else scale.reshape(-1, 1)


def _distances(distance: FloatArray) -> FloatArray:
    """Mean, median and 90% quantile (3, b) of the patients' distances (b, n)."""
    return np.stack([distance.mean(axis=1), *np.quantile(distance, (0.5, 0.9), axis=1)])


def _distance_text(key: str) -> str:
    return f"{_MEASURES[key]} distance of observed from predicted risk"


def _not_estimable(target: SurvivalTarget, reason: str, horizon_days: float) -> CalibrationCurve:
    measures = {
        key: not_estimable(target, reason, method=_distance_text(key), horizon_days=horizon_days)
        for key in _MEASURES
    }
    return CalibrationCurve(horizon_days=horizon_days, **measures)
