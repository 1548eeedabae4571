"""Cox models of R's data sets, fitted here, and what `rms::nomogram` makes of them in R."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.nomogram.build import build_nomogram
from components.nomogram.nomogram import Nomogram
from components.study.protocol import NomogramSection
from components.study.vocabulary import DataOrigin, ModelKind, TreatmentArm
from components.survival.cox import CoxModel, fit_cox_model
from components.survival.design import Predictor
from components.survival.target import SurvivalTarget

REFERENCE = Path(__file__).parents[1] / "reference"
MODELS = (
    ("pbc", "log_bili"),
    ("pbc", "raw_bili_stage"),
    ("pbc", "negative_only"),
    ("lung", "main"),
    ("rotterdam", "main"),
)


@dataclass(frozen=True)
class Case:
    """A model in R and the same model here."""

    r: dict[str, Any]
    times: tuple[int, ...]
    table: pd.DataFrame
    model: CoxModel

    def nomogram(self, axes: str) -> Nomogram:
        return build_nomogram(
            self.model,
            arm=TreatmentArm.HEPATECTOMY,
            kind=ModelKind.COMBINED,
            section=NomogramSection(axes=axes, maximum_points=100),
            horizons_days=self.times,
            not_estimable={},
            origin=DataOrigin.SYNTHETIC,
            patients=self.table,
        )


def read_case(dataset: str, name: str) -> Case:
    stored = json.loads(
        (REFERENCE / "values" / dataset / "nomogram.json").read_text(encoding="utf-8")
    )
    r = stored["models"][name]
    table = pd.read_csv(
        REFERENCE / "inputs" / f"{dataset}.csv", dtype=dict.fromkeys(r["categorical"], str)
    )
    # R keeps the formula's order: continuous variables first in all of these.
    predictors = [
        Predictor(
            name=column,
            label=column,
            kind="continuous",
            lower=float(table[column].min()),
            upper=float(table[column].max()),
        )
        for column in r["continuous"]
    ] + [
        Predictor(name=column, label=column, kind="categorical", levels=tuple(r["levels"][column]))
        for column in r["categorical"]
    ]
    target = SurvivalTarget.of(table["time"], table["event"])
    return Case(r, tuple(stored["times"]), table, fit_cox_model(table, predictors, target))


@pytest.fixture(scope="session", params=MODELS, ids=lambda names: "-".join(names))
def case(request: pytest.FixtureRequest) -> Case:
    return read_case(*request.param)


@pytest.fixture(scope="session")
def pbc() -> Case:
    return read_case("pbc", "log_bili")


@pytest.fixture(scope="session")
def pbc_nomogram(pbc: Case) -> Nomogram:
    return pbc.nomogram("pretty")
