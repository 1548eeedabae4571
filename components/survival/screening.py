"""The univariate Cox screen: one model a column of a wide table, all at once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc, ndtr

from components.errors import FitFailed, NoEventsInArm
from components.survival import screen_kernel
from components.survival.multiplicity import benjamini_hochberg
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget


class ScreenStatus(StrEnum):
    """Whether a column has an estimate, or why it has none."""

    FITTED = "fitted"
    NOT_FINITE = "not finite"
    CONSTANT = "constant"
    SEPARATES = "separates"
    NOT_CONVERGED = "not converged"


# In the order of the kernel's codes.
_STATUS = np.array([str(status) for status in ScreenStatus])
_REASONS = {
    ScreenStatus.NOT_FINITE: "holds {n_bad} values that are missing or infinite; impute or exclude",
    ScreenStatus.CONSTANT: (
        "is constant among the patients at risk when the {n_deaths} deaths occur; leave it out"
    ),
    ScreenStatus.SEPARATES: (
        "separates the {n_deaths} deaths from the others: all who die have the highest value of "
        "those at risk, or all the lowest, so its coefficient has no finite estimate"
    ),
    ScreenStatus.NOT_CONVERGED: (
        "did not converge at {n_deaths} deaths; look for outliers, or transform it"
    ),
}


@dataclass(frozen=True, eq=False)
class UnivariateScreen:
    """One Cox model a column, all arrays (p,); NaN where `status` is not `fitted`.

    Attributes:
        coefficient: Log hazard ratio of one unit of the column; `standard_error` of it.
        z: Wald statistic, `p_value` its two-sided p.
        status: A `ScreenStatus` for each column.
        log_likelihood_null: Of the model without the column (the same for all).
        log_likelihood: At the coefficient.
        score_test: Chi-square with one degree of freedom.
        reasons: By number of a column without an estimate, why, as the end of a sentence.
        n: Patients; n_events: deaths.
    """

    coefficient: FloatArray
    standard_error: FloatArray
    z: FloatArray
    p_value: FloatArray
    status: NDArray[np.str_]
    log_likelihood_null: FloatArray
    log_likelihood: FloatArray
    score_test: FloatArray
    reasons: Mapping[int, str]
    n: int
    n_events: int

    @property
    def adjusted_p_value(self) -> FloatArray:
        """Benjamini-Hochberg among the columns that have an estimate."""
        return benjamini_hochberg(self.p_value)

    @property
    def likelihood_ratio_test(self) -> FloatArray:
        """Chi-square with one degree of freedom."""
        return 2.0 * (self.log_likelihood - self.log_likelihood_null)

    @property
    def likelihood_ratio_p_value(self) -> FloatArray:
        """P-value of the likelihood ratio test."""
        return np.asarray(chdtrc(1, np.maximum(self.likelihood_ratio_test, 0.0)))

    @property
    def score_p_value(self) -> FloatArray:
        """P-value of the score test."""
        return np.asarray(chdtrc(1, self.score_test))

    @property
    def is_fitted(self) -> BoolArray:
        """Which columns have an estimate."""
        return np.asarray(self.status == ScreenStatus.FITTED.value)

    def problems(self, columns: Sequence[str]) -> tuple[str, ...]:
        """A sentence for each column without an estimate, by the columns' names."""
        return tuple(f"column '{columns[j]}' {reason}" for j, reason in self.reasons.items())


def univariate_screen(
    x: FloatArray,
    target: SurvivalTarget,
    *,
    strata: IntArray | None = None,
    ties: Literal["efron", "breslow"] = "efron",
) -> UnivariateScreen:
    """A univariate Cox model of each column of (n, p), all at once, on one thread.

    Own code because a loop over a library's fits takes more than a thousand times as long: a
    compiled Newton's method (`screen_kernel`) on the patients sorted once. Memory is the table,
    sixteen columns and the answer; time is linear in n x p.

    A column gets no estimate, and its status says why, if it holds values that are not finite, is
    constant among those at risk, or has its maximum at infinity. That is found exactly: all who
    die have the highest value of their risk set, or all the lowest.

    Args:
        x: The table, patients in rows.
        target: Follow-up of the n patients.
        strata: (n,) numbers of the strata, each with its own baseline hazard.
        ties: Efron (as R's `coxph`; doi:10.1080/01621459.1977.10480613) or Breslow.

    Raises:
        FitFailed: The table or the strata have another number of patients than the follow-up.
        NoEventsInArm: Nobody has died.
    """
    if x.ndim != 2 or x.shape[0] != target.n or (strata is not None and strata.size != target.n):
        held = "none" if strata is None else str(strata.shape)
        msg = (
            f"expected a row for each of the {target.n} patients, came a table {x.shape} and "
            f"strata {held}"
        )
        raise FitFailed(msg)
    if target.n_events == 0:
        msg = f"expected deaths, none of the {target.n} patients has died; no Cox model exists"
        raise NoEventsInArm(msg)
    table = np.ascontiguousarray(x, dtype=np.float64)
    answer = screen_kernel.fit_columns(
        table, *_sorted_deaths(target, strata), 1.0 if ties == "efron" else 0.0
    )
    coefficient, std_error = answer[:, 1].copy(), answer[:, 2].copy()
    wald = coefficient / std_error
    status = _STATUS[answer[:, 0].astype(np.int64)]
    return UnivariateScreen(
        coefficient=coefficient,
        standard_error=std_error,
        z=wald,
        p_value=2.0 * ndtr(-np.abs(wald)),
        status=status,
        log_likelihood_null=answer[:, 3].copy(),
        log_likelihood=answer[:, 4].copy(),
        score_test=answer[:, 5].copy(),
        reasons=_reasons(table, status, target.n_events),
        n=target.n,
        n_events=target.n_events,
    )


def _reasons(x: FloatArray, status: NDArray[np.str_], n_deaths: int) -> dict[int, str]:
    """Why columns of (n, p) have no estimate, by their numbers."""
    return {
        j: _REASONS[ScreenStatus(str(status[j]))].format(
            n_bad=int(np.sum(~np.isfinite(x[:, j]))), n_deaths=n_deaths
        )
        for j in np.flatnonzero(status != ScreenStatus.FITTED.value).tolist()
    }


def _sorted_deaths(
    target: SurvivalTarget, strata: IntArray | None
) -> tuple[IntArray, IntArray, IntArray, BoolArray]:
    """Order, stops, deaths and resets as `screen_kernel.fit_columns` takes them."""
    labels = np.zeros(target.n, dtype=np.int64) if strata is None else strata
    orders, stops, counts, resets, never = [], [], [], [], []
    begins = 0
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        time, event = target.time_days[rows], target.event[rows]
        death_times, n_deaths = np.unique(time[event], return_counts=True)
        order = rows[np.lexsort((event, -time))]
        until = rows.size - np.searchsorted(np.sort(time), death_times[::-1], side="left")
        n_at_risk = int(until[-1]) if until.size else 0
        orders.append(order[:n_at_risk])
        never.append(order[n_at_risk:])
        stops.append(begins + until)
        counts.append(n_deaths[::-1])
        resets.append(np.arange(death_times.size) == 0)
        begins += n_at_risk
    return (
        np.concatenate([*orders, *never]),
        np.concatenate(stops),
        np.concatenate(counts).astype(np.int64),
        np.concatenate(resets),
    )
