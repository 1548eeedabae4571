"""A published model as data: predictors, coefficients and, where it was printed, the baseline.

`lp = sum of b_j (x_j - centre_j) + offset` and `S(t) = S0(t)^exp(lp)`. A model of armwise's own, as
`armwise.cox_model/1` or `armwise.nomogram/1`, is read as a published one too.
"""

import json
from collections.abc import Sequence
from typing import Final, Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, model_validator

from components.errors import UsageError
from components.nomogram.nomogram import Nomogram
from components.study.faults import fault_text
from components.study.results import Record
from components.study.vocabulary import TreatmentArm
from components.survival.cox import CoxModel
from components.survival.design import Predictor, column_names, design_matrix
from components.survival.target import FloatArray

SCHEMA: Final = "armwise.published_model/1"
NO_BASELINE = "no baseline survival was published"


class PublishedBaseline(Record):
    """Baseline survival, of a patient whose linear predictor is 0.

    `horizons`: printed at some horizons, nothing is known between them. `steps`: the whole curve, a
    right-continuous step function known until `follow_up_days` (without it until its last step).
    """

    kind: Literal["horizons", "steps"]
    times_days: tuple[float, ...] = Field(min_length=1)
    survival: tuple[float, ...]
    follow_up_days: float | None = None

    @model_validator(mode="after")
    def _is_a_survival_curve(self) -> Self:
        times, survival = np.asarray(self.times_days), np.asarray(self.survival)
        if times.shape != survival.shape:
            msg = (
                f"expected as many survival probabilities as times, came {survival.size} and "
                f"{times.size}"
            )
            raise ValueError(msg)
        if np.any(times <= 0) or np.any(np.diff(times) <= 0):
            msg = "times_days: expected days above 0 that rise"
            raise ValueError(msg)
        if np.any(survival <= 0) or np.any(survival > 1) or np.any(np.diff(survival) > 0):
            msg = "survival: expected probabilities above 0, at most 1, that never rise"
            raise ValueError(msg)
        return self

    @property
    def last_day(self) -> float:
        """The last day of which the baseline says something."""
        return self.follow_up_days or self.times_days[-1]

    def cumulative_hazard(self, times_days: Sequence[float]) -> FloatArray:
        """The cumulative baseline hazard (n_times,); of `horizons` at these alone.

        Raises:
            UsageError: The baseline says nothing of a time.
        """
        wanted = np.asarray(times_days, dtype=np.float64)
        self._require(wanted)
        steps = np.concatenate([[0.0], -np.log(self.survival)])
        return np.asarray(steps[np.searchsorted(self.times_days, wanted, side="right")])

    def _require(self, wanted: FloatArray) -> None:
        known = wanted <= self.last_day
        if self.kind == "horizons":
            known = np.isin(wanted, self.times_days)
        if known.all():
            return
        told = (
            f"at {', '.join(f'{day:g}' for day in self.times_days)} days alone"
            if self.kind == "horizons"
            else f"until day {self.last_day:g}"
        )
        msg = f"baseline survival at {wanted[~known][0]:g} days: the model gives it {told}"
        raise UsageError(msg)


class PublishedModel(Record):
    """A model as a paper prints it.

    Attributes:
        name: What it is called.
        source: Its DOI or citation.
        arm: The arm that it was made for; None where any.
        predictors: Columns of the clinical table with unit or levels, the reference level first.
        coefficients: Log hazard ratios by column: a number's own name (per unit), `name=level`.
        transforms: Numbers that enter by their logarithm or root.
        centre: By column, taken from it before it is weighed; 0 where a column is not named.
        offset: Added to the linear predictor.
        baseline: None where the paper prints none: it then ranks patients and predicts nothing.
    """

    schema_: Literal["armwise.published_model/1"] = Field(default=SCHEMA, alias="schema")
    name: str = Field(min_length=1)
    source: str = Field(min_length=1)
    arm: TreatmentArm | None = None
    predictors: tuple[Predictor, ...] = Field(min_length=1)
    coefficients: dict[str, float]
    transforms: dict[str, Literal["log", "log2", "log10", "sqrt"]] = Field(default_factory=dict)
    centre: dict[str, float] = Field(default_factory=dict)
    offset: float = 0.0
    baseline: PublishedBaseline | None = None

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        columns = self.columns
        names = [one.name for one in self.predictors]
        twice = sorted({one for one in names if names.count(one) > 1})
        if twice:
            msg = f"predictors: '{twice[0]}' stands more than once; its coefficient counts once"
            raise ValueError(msg)
        wrong = sorted(set(columns) ^ set(self.coefficients))
        if wrong:
            msg = (
                f"coefficients: expected one for each of {', '.join(columns)}; '{wrong[0]}' is "
                f"{'missing' if wrong[0] in columns else 'none of them'}"
            )
            raise ValueError(msg)
        strange = [one for one in self.centre if one not in columns]
        if strange:
            msg = f"centre: '{strange[0]}' is no column of the model ({', '.join(columns)})"
            raise ValueError(msg)
        numbers = [one.name for one in self.predictors if one.kind == "continuous"]
        strange = [one for one in self.transforms if one not in numbers]
        if strange:
            msg = f"transforms: '{strange[0]}' is no number of the model"
            raise ValueError(msg)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the design matrix."""
        return column_names(self.predictors)

    def linear_predictor(self, table: pd.DataFrame) -> FloatArray:
        """The linear predictor (n_patients,) of a table in the model's units and levels.

        Raises:
            CohortRejected: A column or cell is missing, or a level is unknown.
        """
        x = self.design(table)
        return np.asarray(x @ [self.coefficients[one] for one in self.columns] + self.offset)

    def design(self, table: pd.DataFrame) -> FloatArray:
        """The transformed and centred design matrix (n_patients, n_columns)."""
        changed = {name: _FUNCTIONS[how](table[name]) for name, how in self.transforms.items()}
        x = design_matrix(table.assign(**changed), self.predictors)
        return np.asarray(x - [self.centre.get(one, 0.0) for one in self.columns])

    def survival_at(self, linear_predictor: FloatArray, times_days: Sequence[float]) -> FloatArray:
        """Survival probabilities (n_patients, n_times).

        Raises:
            UsageError: The model has no baseline, or none at a time.
        """
        if self.baseline is None:
            msg = f"{self.name}: no baseline survival was given, so it predicts no survival"
            raise UsageError(msg)
        hazard = self.baseline.cumulative_hazard(times_days)
        return np.asarray(np.exp(-np.exp(np.asarray(linear_predictor))[:, None] * hazard))

    @classmethod
    def of(cls, model: CoxModel, *, arm: TreatmentArm | None = None) -> Self:
        """A Cox model of armwise's own, its baseline as steps."""
        hazard = np.asarray(model.baseline.cumulative_hazard)
        return cls(
            name=f"Cox model of {model.n} patients ({model.n_events} deaths)",
            source="armwise",
            arm=arm,
            predictors=model.predictors,
            coefficients=dict(zip(model.columns, model.coefficients, strict=True)),
            centre=dict(zip(model.columns, model.means, strict=True)),
            baseline=PublishedBaseline(
                kind="steps",
                times_days=model.baseline.times_days,
                survival=tuple(np.exp(-hazard).tolist()),
                follow_up_days=model.follow_up_days,
            ),
        )


_FUNCTIONS = {"log": np.log, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt}


def read_published(text: str | bytes, *, where: str) -> PublishedModel:
    """The model of a JSON text: a published one, or one of armwise's own.

    Args:
        text: The JSON.
        where: What the text is called in messages.

    Raises:
        UsageError: It is no JSON, or no model; the message names the key.
    """
    try:
        content = json.loads(text)
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        msg = f"{where}: expected a model as JSON: {error}"
        raise UsageError(msg) from None
    schema = content.get("schema") if isinstance(content, dict) else None
    try:
        if schema == "armwise.cox_model/1":
            return PublishedModel.of(CoxModel.from_json(text))
        if schema == "armwise.nomogram/1":
            nomogram = Nomogram.from_json(text)
            return PublishedModel.of(nomogram.model, arm=nomogram.arm)
        if schema == SCHEMA:
            return PublishedModel.from_json(text)
    except ValidationError as error:
        faults = "; ".join(fault_text(one, whole="model") for one in error.errors())
        msg = f"{where}: {faults}"
        raise UsageError(msg) from None
    msg = (
        f"{where}: expected schema {SCHEMA}, armwise.cox_model/1 or armwise.nomogram/1, came "
        f"{schema!r}"
    )
    raise UsageError(msg)
