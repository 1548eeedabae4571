"""What a fitted Cox model of arrays says: coefficients, covariances and the three tests."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from components.survival.risk_sets import Ties
from components.survival.target import FloatArray


@dataclass(frozen=True)
class ChiSquareTest:
    """A chi-square statistic with its degrees of freedom (fractional under a ridge penalty)."""

    statistic: float
    df: float

    @property
    def p(self) -> float:
        """Probability of a statistic as large under the null hypothesis; 1 of no parameter."""
        return float(chi2.sf(self.statistic, self.df)) if self.df > 0 else 1.0


@dataclass(frozen=True, eq=False)
class CoxFit:
    """A fitted Cox model of p columns.

    Attributes:
        coefficients: (p,) on the scale of the columns.
        covariance: (p, p) inverse of the (penalised) information, R's `naive.var`.
        log_likelihood_null: Unpenalised, at coefficients of 0.
        log_likelihood: Unpenalised, at the estimate.
        score_test: Chi-square with p degrees of freedom at coefficients of 0.
        iterations: Newton steps taken.
        df: Effective number of parameters: p, fewer under a ridge penalty (Gray 1992,
            doi:10.1080/01621459.1992.10476248), trace of the information times the covariance.
        ties: How tied deaths share a risk set.
        n: Patients used, those of weight above 0.
        n_events: Deaths among them.
        robust_covariance: (p, p) infinitesimal jackknife, by cluster where given; None unless
            asked for.
        robust_score_test: Chi-square of the score at 0 with its empirical covariance.
        notes: What was left out or adds nothing, one sentence each.
    """

    coefficients: FloatArray
    covariance: FloatArray
    log_likelihood_null: float
    log_likelihood: float
    score_test: float
    iterations: int
    df: float
    ties: Ties
    n: int
    n_events: int
    robust_covariance: FloatArray | None = None
    robust_score_test: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def standard_errors(self) -> FloatArray:
        """Model-based standard errors (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def robust_standard_errors(self) -> FloatArray | None:
        """Standard errors (p,) of the robust covariance, where it was asked for."""
        if self.robust_covariance is None:
            return None
        return np.sqrt(np.diag(self.robust_covariance))

    @property
    def likelihood_ratio(self) -> ChiSquareTest:
        """Twice the gain in log likelihood."""
        return ChiSquareTest(2.0 * (self.log_likelihood - self.log_likelihood_null), self.df)

    @property
    def wald(self) -> ChiSquareTest:
        """All coefficients against 0, by the robust covariance where there is one, as R."""
        used = self.covariance if self.robust_covariance is None else self.robust_covariance
        return ChiSquareTest(wald_statistic(self.coefficients, used), self.df)

    @property
    def score(self) -> ChiSquareTest:
        """The score at 0 against its model-based covariance; under a ridge penalty approximate."""
        return ChiSquareTest(self.score_test, self.df)

    @property
    def robust_score(self) -> ChiSquareTest | None:
        """The score at 0 against its empirical covariance, where that was asked for."""
        if self.robust_score_test is None:
            return None
        return ChiSquareTest(self.robust_score_test, self.df)


def wald_statistic(coefficients: FloatArray, covariance: FloatArray) -> float:
    """The Wald chi-square b' V^-1 b of coefficients (q,).

    V may have a lower rank, as with few clusters.
    """
    if not coefficients.size:
        return 0.0
    root = np.sqrt(np.diag(covariance))
    root = np.where(root > 0, root, 1.0)
    z = coefficients / root
    solved = np.linalg.lstsq(covariance / np.outer(root, root), z, rcond=None)[0]
    return float(z @ solved)
