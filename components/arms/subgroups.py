"""How well a model orders the patients of a subgroup, and whether its effect differs there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from scipy.special import chdtrc

from components.arms.arm_patients import ArmPatients
from components.arms.subgroup_records import SubgroupLevel, SubgroupReport, Subgroups
from components.cohort.endpoint import survival_target
from components.cohort.schema import PREDICTORS, Variable
from components.errors import DataError
from components.study.protocol import EvaluationSection
from components.study.results import Adaptation, Estimate
from components.study.vocabulary import Split
from components.survival.cox import fit_cox
from components.survival.discrimination import harrell_c
from components.survival.target import FloatArray, SurvivalTarget

_METHOD = "Harrell's C, infinitesimal jackknife"


@dataclass(frozen=True, eq=False)
class Grouping:
    """How patients fall into the levels of a variable; numbers are cut at `cut`."""

    name: str
    label: str
    levels: tuple[str, ...]
    cut: float | None = None

    @classmethod
    def of(
        cls, tables: Mapping[Split, pd.DataFrame], variable: Variable | None, name: str
    ) -> "Grouping":
        """The levels of all patients, in the codebook's order; numbers at the training median.

        A level may have test patients alone: those of a center that was kept for the test.
        """
        train = tables[Split.TRAIN]
        cells = train[name].dropna()
        label = name.replace("_", " ").capitalize() if variable is None else variable.label
        if is_numeric_dtype(cells) and not is_bool_dtype(cells) and not _has_levels(variable):
            cut = float(cells.median())
            unit = f" {variable.unit}" if variable is not None and variable.unit else ""
            return cls(name, label, (f"up to {cut:g}{unit}", f"above {cut:g}{unit}"), cut)
        seen = sorted({word for table in tables.values() for word in _words(table[name])})
        ordered = () if variable is None else variable.levels
        known = [level for level in ordered if level in seen]
        return cls(name, label, (*known, *(level for level in seen if level not in known)))

    def assign(self, table: pd.DataFrame) -> pd.Series:
        """Each patient's level, missing where the cell is empty."""
        cells = table[self.name]
        if self.cut is None:
            return cells.astype(str).where(cells.notna())
        low, high = self.levels
        return pd.Series(np.where(cells > self.cut, high, low), cells.index).where(cells.notna())


def _words(cells: pd.Series) -> set[str]:
    return set(cells.dropna().astype(str))


def _has_levels(variable: Variable | None) -> bool:
    return variable is not None and variable.kind == "categorical"


def judge_subgroups(
    arms: Sequence[ArmPatients],
    *,
    evaluation: EvaluationSection,
    codebook: Mapping[str, Variable] = PREDICTORS,
) -> SubgroupReport:
    """The nomogram model of each arm in the levels of `evaluation.subgroups`, train and test.

    A level with too few deaths (the horizon rule's number) has no C and takes no part in the test
    of interaction. A variable without a column is not assessable.

    Args:
        arms: The models of each arm and the patients whom they score, imputed where need be.
        evaluation: The variables, the least number of deaths, the confidence level.
        codebook: What the variables are.
    """
    present = arms[0].tables[Split.TRAIN].columns
    assessable = [name for name in evaluation.subgroups if name in present]
    judged = [
        one
        for patients in arms
        for name in assessable
        for one in _of_variable(patients, name, evaluation, codebook)
    ]
    return SubgroupReport(
        judged=tuple(judged),
        not_assessable={
            name: f"the table has no column '{name}'"
            for name in evaluation.subgroups
            if name not in present
        },
        level=evaluation.confidence_level,
    )


def not_assessed(report: SubgroupReport) -> list[Adaptation]:
    """What the protocol asked for and the table cannot answer."""
    return [
        Adaptation(
            step="subgroups",
            asked=f"the models in the levels of {name}",
            done="not assessable",
            why=why,
        )
        for name, why in report.not_assessable.items()
    ]


def _of_variable(
    patients: ArmPatients,
    name: str,
    evaluation: EvaluationSection,
    codebook: Mapping[str, Variable],
) -> list[Subgroups]:
    """One variable in one arm, training patients first."""
    kind = patients.fitted.nomogram_kind
    grouping = Grouping.of(patients.tables, codebook.get(name), name)
    found = []
    for split, table in patients.tables.items():
        group = grouping.assign(table)
        lp = patients.linear_predictor(kind, split).to_numpy()
        scored = _Scored(survival_target(table), lp, group.to_numpy())
        p_value, why = scored.interaction(grouping.levels, evaluation.minimum_events_before)
        found.append(
            Subgroups(
                arm=patients.arm,
                kind=kind,
                split=split,
                variable=name,
                label=grouping.label,
                cut=grouping.cut,
                levels=tuple(scored.level(level, evaluation) for level in grouping.levels),
                n_missing=int(group.isna().sum()),
                interaction_p=p_value,
                why_no_test=why,
            )
        )
    return found


@dataclass(frozen=True, eq=False)
class _Scored:
    """Patients of an arm in a split: endpoint, linear predictor (n,), level (n,)."""

    target: SurvivalTarget
    linear_predictor: FloatArray
    group: np.ndarray

    def level(self, level: str, evaluation: EvaluationSection) -> SubgroupLevel:
        """The patients of a level."""
        where = self.group == level
        target = self.target.subset(where)
        least = evaluation.minimum_events_before
        if target.n_events < least:
            why = f"{target.n_events} deaths, at least {least} are needed"
            c = Estimate.not_estimable(why, n=target.n, n_events=target.n_events, method=_METHOD)
        else:
            c = harrell_c(target, self.linear_predictor[where], level=evaluation.confidence_level)
        return SubgroupLevel(level=level, n=target.n, n_events=target.n_events, c_harrell=c)

    def interaction(self, levels: Sequence[str], least: int) -> tuple[float | None, str | None]:
        """The p-value of linear predictor x level, or why there is none.

        Likelihood ratio of Cox models with and without the products, levels as main effects in
        both, in the levels with at least `least` deaths.
        """
        usable = [
            level for level in levels if int(self.target.event[self.group == level].sum()) >= least
        ]
        if len(usable) < 2:
            return None, f"fewer than two levels have {least} deaths"
        where = np.isin(self.group, usable)
        indicators = np.asarray(self.group[where, None] == usable[1:], dtype=np.float64)
        lp = self.linear_predictor[where, None]
        target = self.target.subset(where)
        try:
            without = fit_cox(np.column_stack([lp, indicators]), target)
            whole = fit_cox(np.column_stack([lp, indicators, lp * indicators]), target)
        except DataError as error:
            return None, str(error)
        chi_square = 2.0 * max(whole.log_likelihood - without.log_likelihood, 0.0)
        return float(chdtrc(indicators.shape[1], chi_square)), None
