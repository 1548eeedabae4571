"""Multiple imputation of missing predictors by chained equations, fitted on training patients.

Own code for the chain alone: scikit-learn's `IterativeImputer` knows no categories and draws no
parameters of its matching, so that its tables are too alike for Rubin's rules (van Buuren 2018,
doi:10.1201/9780429492259, section 4.5). In training the death indicator and the Nelson-Aalen
estimate at the end of follow-up stand among the predictors (White and Royston 2009,
doi:10.1002/sim.3618); a patient to be scored has neither, and is imputed by predictors alone.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from components.cohort.imputation_equations import Encoding, Equation, equation_of
from components.survival.design import Predictor
from components.survival.kaplan_meier import kaplan_meier
from components.survival.target import FloatArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class ChainSettings:
    """How many completed tables, after how many rounds, drawn from which seed."""

    imputations: int
    iterations: int
    seed: np.random.SeedSequence

    def generator(self, *key: int) -> np.random.Generator:
        """The generator of a part of the work, the same at every call."""
        spawn_key = (*self.seed.spawn_key, *key)
        return np.random.default_rng(np.random.SeedSequence(self.seed.entropy, spawn_key=spawn_key))


@dataclass(frozen=True, eq=False)
class CompletedTables:
    """A table whose empty cells were filled m times; `imputed` counts them by column."""

    tables: tuple[pd.DataFrame, ...]
    imputed: dict[str, int]

    def of(self, predictors: Sequence[Predictor]) -> tuple[pd.DataFrame, ...]:
        """The tables that differ in these predictors: one where none of them was imputed."""
        if any(one.name in self.imputed for one in predictors):
            return self.tables
        return self.tables[:1]


def impute_training(
    train: pd.DataFrame,
    predictors: Sequence[Predictor],
    target: SurvivalTarget,
    settings: ChainSettings,
) -> CompletedTables:
    """Training patients with their empty cells filled m times, their outcome known.

    Without an empty cell the one table is `train` itself.

    Args:
        train: Rows in the order of `target`; of every predictor two values are known.
        predictors: What is imputed, and by what; levels as seen in training.
        target: Their follow-up.
        settings: Number of tables, rounds and seed.
    """
    encoding = Encoding.of(train, predictors)
    values = encoding.values(train)
    if not np.isnan(values).any():
        return CompletedTables((train,), {})
    outcome = _standardised(np.column_stack([target.event, nelson_aalen(target)]))
    completed = [
        encoding.filled_in(train, _chain(encoding, values, outcome, settings, number))
        for number in range(settings.imputations)
    ]
    return CompletedTables(tuple(completed), _counts(values, predictors))


def nelson_aalen(target: SurvivalTarget) -> FloatArray:
    """The Nelson-Aalen cumulative hazard (n,) of the sample at each patient's end of follow-up."""
    curve = kaplan_meier(target)
    hazard = np.cumsum(curve.n_events / curve.n_at_risk)
    return np.asarray(hazard[np.searchsorted(curve.times_days, target.time_days)])


@dataclass(frozen=True, eq=False)
class PredictorImputer:
    """Fills the empty cells of patients to be scored, by their other predictors alone.

    Fitted on training patients without their outcome. A patient's values depend on the training
    patients, the own row and the own pseudonym, not on who else is scored.
    """

    train: pd.DataFrame
    predictors: tuple[Predictor, ...]
    settings: ChainSettings

    def complete(self, table: pd.DataFrame) -> CompletedTables:
        """The table m times with its empty cells filled; levels must be those of training."""
        values = self._encoding.values(table)
        incomplete = np.isnan(values).any(axis=1)
        if not incomplete.any():
            return CompletedTables((table,), {})
        uniforms = self._uniforms(table.index[incomplete])
        completed = []
        for number in range(self.settings.imputations):
            filled = values.copy()
            filled[incomplete] = self._filled(values[incomplete], uniforms[:, number], number)
            completed.append(self._encoding.filled_in(table, filled))
        return CompletedTables(tuple(completed), _counts(values, self.predictors))

    @cached_property
    def _encoding(self) -> Encoding:
        return Encoding.of(self.train, self.predictors)

    @cached_property
    def _values(self) -> FloatArray:
        return self._encoding.values(self.train)

    @cached_property
    def _completed(self) -> list[FloatArray]:
        """The training patients completed without their outcome."""
        nothing = np.empty((len(self.train), 0))
        return [
            _chain(self._encoding, self._values, nothing, self.settings, number)
            for number in range(self.settings.imputations)
        ]

    @cached_property
    def _equations(self) -> dict[tuple[int, int], Equation]:
        """By number of the completed table and of the predictor; those that were needed so far."""
        return {}

    def _equation(self, number: int, j: int) -> Equation:
        if (number, j) not in self._equations:
            self._equations[number, j] = equation_of(
                self._encoding,
                self._completed[number],
                ~np.isnan(self._values[:, j]),
                j,
                np.empty((len(self.train), 0)),
                self.settings.generator(number, 1, j),
            )
        return self._equations[number, j]

    def _filled(self, values: FloatArray, uniforms: FloatArray, number: int) -> FloatArray:
        """Incomplete rows (n, k) filled by the equations of one completed training table."""
        missing, filled = np.isnan(values), values.copy()
        wanted = [int(j) for j in np.flatnonzero(missing.any(axis=0))]
        for j in wanted:
            here, observed = missing[:, j], self._values[~np.isnan(self._values[:, j]), j]
            filled[here, j] = _from_observed(observed, uniforms[here, 0, j])
        for step in range(1, uniforms.shape[1]):
            for j in wanted:
                here = missing[:, j]
                x = self._encoding.regressors(filled[here], j, np.empty((int(here.sum()), 0)))
                filled[here, j] = self._equation(number, j).draw(x, uniforms[here, step, j])
        return filled

    def _uniforms(self, patients: pd.Index) -> FloatArray:
        """Random numbers (n, m, 1 + rounds, k) that belong to the patients themselves."""
        shape = (self.settings.imputations, 1 + self.settings.iterations, len(self.predictors))
        keys = [(shape[0], zlib.crc32(str(patient).encode())) for patient in patients]
        return np.stack([self.settings.generator(*key).random(shape) for key in keys])


def _chain(
    encoding: Encoding,
    values: FloatArray,
    outcome: FloatArray,
    settings: ChainSettings,
    number: int,
) -> FloatArray:
    """The values (n, k) with every NaN filled: rounds over the columns, fewest gaps first."""
    rng = settings.generator(number, 0)
    missing, filled = np.isnan(values), values.copy()
    order = np.argsort(missing.sum(axis=0), kind="stable")
    wanted = [int(j) for j in order if missing[:, j].any()]
    for j in wanted:
        here = missing[:, j]
        filled[here, j] = _from_observed(values[~here, j], rng.random(int(here.sum())))
    # With gaps in one column only, the first round already draws from its distribution.
    for _ in range(settings.iterations if len(wanted) > 1 else 1):
        for j in wanted:
            here = missing[:, j]
            equation = equation_of(encoding, filled, ~here, j, outcome, rng)
            x = encoding.regressors(filled[here], j, outcome[here])
            filled[here, j] = equation.draw(x, rng.random(int(here.sum())))
    return filled


def _counts(values: FloatArray, predictors: Sequence[Predictor]) -> dict[str, int]:
    missing = np.isnan(values).sum(axis=0)
    return {one.name: int(n) for one, n in zip(predictors, missing, strict=True) if n}


def _from_observed(observed: FloatArray, uniforms: FloatArray) -> FloatArray:
    return np.asarray(observed[np.floor(uniforms * observed.size).astype(np.int64)])


def _standardised(x: FloatArray) -> FloatArray:
    scale = x.std(axis=0)
    return np.asarray((x - x.mean(axis=0)) / np.where(scale > 0, scale, 1.0))
