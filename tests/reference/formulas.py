"""R's model formulas, read as predictors, follow-up and strata of a table."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.survival.design import Predictor, design_matrix
from components.survival.splines import spline_knots
from components.survival.target import FloatArray, IntArray, SurvivalTarget

_SURV = re.compile(r"Surv\(\s*`?([\w.]+)`?\s*,\s*`?([\w.]+)`?\s*\)")
_CALL = re.compile(r"(factor|as\.factor|strata|rcs)\(\s*`?([\w.]+)`?\s*(?:,\s*(\d+)\s*)?\)")


@dataclass(frozen=True, eq=False)
class Formula:
    """`Surv(time, event) ~ terms` on a table: terms are columns, factor(), rcs() and strata()."""

    target: SurvivalTarget
    predictors: tuple[Predictor, ...]
    x: FloatArray
    strata: IntArray | None

    @classmethod
    def of(cls, formula: str, table: pd.DataFrame) -> "Formula":
        left, right = formula.split("~")
        time, event = _SURV.search(left).groups()
        predictors, strata = [], None
        for term in right.split("+"):
            call = _CALL.match(term.strip())
            kind, name, n_knots = call.groups() if call else (None, term.strip().strip("`"), None)
            if kind == "strata":
                strata = np.unique(table[name].astype(str), return_inverse=True)[1]
            else:
                predictors.append(_predictor(table, name, kind, n_knots))
        return cls(
            target=SurvivalTarget.of(table[time], table[event]),
            predictors=tuple(predictors),
            x=design_matrix(table, predictors),
            strata=strata,
        )


def plain(term: str) -> str:
    """The column of R's term: factor(stage) and rcs(age, 4) are stage and age."""
    call = _CALL.match(term)
    return call.group(2) if call else term.strip("`")


def _predictor(table: pd.DataFrame, name: str, kind: str | None, n_knots: str | None) -> Predictor:
    column, knots = table[name], ()
    if kind == "rcs":
        knots = spline_knots(column.to_numpy(dtype=float), int(n_knots), name=name)
    if kind == "rcs" or (kind is None and pd.api.types.is_numeric_dtype(column)):
        return Predictor(
            name=name,
            label=name,
            kind="continuous",
            knots=knots,
            lower=float(column.min()),
            upper=float(column.max()),
        )
    levels = tuple(str(level) for level in np.unique(column))
    return Predictor(name=name, label=name, kind="categorical", levels=levels)
