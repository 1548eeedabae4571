"""The equations of multiple imputation: a predictor given the others, with drawn parameters.

Numbers are matched (predictive mean matching, five donors: van Buuren 2018,
doi:10.1201/9780429492259, section 3.4), levels drawn from a (multinomial) logistic regression
fitted to a bootstrap sample (ibid., section 3.6).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from components.survival.design import Predictor
from components.survival.target import BoolArray, FloatArray

_DONORS = 5
# Of a coefficient, in SDs of the residual or in logits (Gelman et al. 2008,
# doi:10.1214/08-AOAS191): finite where a level separates or nobody with it has the predictor.
_PRIOR_SD = 2.5


@dataclass(frozen=True, eq=False)
class Encoding:
    """Predictors as numbers: the values, or the number of the level; NaN is missing.

    `centres` and `scales` (k,) standardise the values where they are regressors.
    """

    predictors: tuple[Predictor, ...]
    centres: FloatArray
    scales: FloatArray

    @classmethod
    def of(cls, train: pd.DataFrame, predictors: Sequence[Predictor]) -> "Encoding":
        """The encoding of these predictors by what is known of training patients."""
        centres, scales = np.zeros(len(predictors)), np.ones(len(predictors))
        for j, one in enumerate(predictors):
            if one.kind == "continuous":
                cells = np.asarray(train[one.name], dtype=np.float64)
                centres[j], scales[j] = np.nanmean(cells), np.nanstd(cells) or 1.0
        return cls(tuple(predictors), centres, scales)

    def values(self, table: pd.DataFrame) -> FloatArray:
        """The predictors (n, k) of a table."""
        out = np.empty((len(table), len(self.predictors)))
        for j, one in enumerate(self.predictors):
            cells = table[one.name]
            if one.kind == "continuous":
                out[:, j] = np.asarray(cells, dtype=np.float64)
            else:
                codes = pd.Index(one.levels).get_indexer(cells.astype(str))
                out[:, j] = np.where(cells.isna(), np.nan, codes)
        return out

    def filled_in(self, table: pd.DataFrame, values: FloatArray) -> pd.DataFrame:
        """The table with its empty cells taken from `values` (n, k); other cells stay as given."""
        changed = {}
        for j, one in enumerate(self.predictors):
            cells = table[one.name]
            if not cells.isna().any():
                continue
            if one.kind == "continuous":
                changed[one.name] = cells.astype(np.float64).mask(cells.isna(), values[:, j])
            else:
                filled = np.asarray(one.levels, dtype=object)[values[:, j].astype(np.int64)]
                changed[one.name] = cells.astype(object).mask(cells.isna(), filled)
        return table.assign(**changed)

    def regressors(self, filled: FloatArray, without: int, outcome: FloatArray) -> FloatArray:
        """Design matrix (n, q) of all predictors but one, with what is known of the outcome."""
        blocks = [np.ones((len(filled), 1)), outcome]
        for j, one in enumerate(self.predictors):
            if j == without:
                continue
            if one.kind == "continuous":
                blocks.append((filled[:, [j]] - self.centres[j]) / self.scales[j])
            else:
                blocks.append((filled[:, [j]] == np.arange(1, len(one.levels))).astype(np.float64))
        return np.hstack(blocks)


class Equation(Protocol):
    """One predictor given the others, its parameters drawn from what the data leave open."""

    def draw(self, x: FloatArray, uniforms: FloatArray) -> FloatArray:
        """A value for each row (n, q), by a random number between 0 and 1 for each."""


@dataclass(frozen=True, eq=False)
class _Matching:
    """Predictive mean matching (type 1): a value that was observed in a similar patient."""

    donors: FloatArray
    predicted: FloatArray
    coefficients: FloatArray

    @classmethod
    def fitted(cls, x: FloatArray, y: FloatArray, rng: np.random.Generator) -> "_Matching":
        """Donors by the estimate, receivers by a draw of it (Bayesian linear regression)."""
        precision = np.full(x.shape[1], _PRIOR_SD**-2)
        precision[0] = 0.0
        inverse = np.linalg.inv(x.T @ x + np.diag(precision))
        estimate = inverse @ (x.T @ y)
        residual = float(np.sum((y - x @ estimate) ** 2))
        sigma = np.sqrt(residual / rng.chisquare(max(len(y) - x.shape[1], 1)))
        noise = np.linalg.cholesky((inverse + inverse.T) / 2) @ rng.normal(size=x.shape[1])
        return cls(donors=y, predicted=x @ estimate, coefficients=estimate + sigma * noise)

    def draw(self, x: FloatArray, uniforms: FloatArray) -> FloatArray:
        """One of the nearest donors of each row, all that are as near as the fifth included."""
        distance = np.abs((x @ self.coefficients)[:, None] - self.predicted)
        k = min(_DONORS, self.donors.size)
        limit = np.partition(distance, k - 1, axis=1)[:, [k - 1]]
        near = distance <= limit + 1e-12
        wanted = np.floor(uniforms * near.sum(axis=1)).astype(np.int64)
        chosen = np.argmax(np.cumsum(near, axis=1) > wanted[:, None], axis=1)
        return np.asarray(self.donors[chosen])


@dataclass(frozen=True, eq=False)
class _Drawing:
    """A level drawn by its probability; `model` is None where the sample held one level only."""

    levels: FloatArray
    model: LogisticRegression | None

    @classmethod
    def fitted(cls, x: FloatArray, y: FloatArray, rng: np.random.Generator) -> "_Drawing":
        """A logistic regression of a bootstrap sample: its parameters are a draw."""
        rows = rng.integers(0, len(y), len(y))
        levels = np.unique(y[rows])
        if levels.size == 1:
            return cls(levels, None)
        model = LogisticRegression(C=_PRIOR_SD**2, solver="newton-cholesky")
        return cls(levels, model.fit(x[rows, 1:], y[rows]))

    def draw(self, x: FloatArray, uniforms: FloatArray) -> FloatArray:
        """The level in whose share of the unit interval the random number falls."""
        if self.model is None:
            return np.full(len(x), self.levels[0])
        limits = np.cumsum(self.model.predict_proba(x[:, 1:]), axis=1)[:, :-1]
        return np.asarray(self.levels[np.sum(uniforms[:, None] > limits, axis=1)])


def equation_of(
    encoding: Encoding,
    filled: FloatArray,
    known: BoolArray,
    j: int,
    outcome: FloatArray,
    rng: np.random.Generator,
) -> Equation:
    """The equation of predictor `j`, fitted to the patients in whom it is known."""
    x, y = encoding.regressors(filled[known], j, outcome[known]), filled[known, j]
    if encoding.predictors[j].kind == "continuous":
        return _Matching.fitted(x, y, rng)
    return _Drawing.fitted(x, y, rng)
