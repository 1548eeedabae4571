"""Who is studied: the inclusion and exclusion rules of the study, in its order.

A rule whose column is missing, or empty for every patient, is "not assessable", never "passed"; a
patient whose cell is empty breaks no rule and is counted as not assessed by it. Every excluded
patient keeps the first rule that it broke.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from pydantic import Field

from components.cohort.schema import ENDPOINT_COLUMNS
from components.study.protocol import EligibilitySection
from components.study.results import Quarantined, Record
from components.study.vocabulary import TreatmentArm

IN_TABLE = "in the table"
PASSED = "passed the validation gate"


class Excluded(Record):
    """A patient left out, by pseudonym, and the first rule that it broke."""

    patient_id: str
    rule: str


class FlowStage(Record):
    """A line of the flow diagram: how many patients of each arm are left.

    `of_no_arm` counts those whose treatment is unknown or none of the arms.
    """

    name: str
    counts: dict[str, int]
    of_no_arm: int = 0

    @property
    def total(self) -> int:
        """Everybody who is left, of whatever arm."""
        return sum(self.counts.values()) + self.of_no_arm


class Eligibility(Record):
    """The flow of patients, who was left out, and the rules that could not be judged.

    The first stage is the table, the second whom the validation gate left; each further one is a
    rule. `not_assessed` counts, for rules that were applied, the patients whose cell is empty.
    """

    stages: tuple[FlowStage, ...]
    excluded: tuple[Excluded, ...]
    not_assessable: tuple[str, ...]
    not_assessed: dict[str, int] = Field(default_factory=dict)

    @property
    def steps(self) -> tuple[tuple[FlowStage, dict[str, int], int], ...]:
        """Each stage but the first: it, how many of each arm it cost, and how many of no arm."""
        return tuple(
            (
                after,
                {arm: n - after.counts[arm] for arm, n in before.counts.items()},
                before.of_no_arm - after.of_no_arm,
            )
            for before, after in zip(self.stages, self.stages[1:], strict=False)
        )


@dataclass(frozen=True)
class _Rule:
    """What excludes: the rule reads `columns`; `broken` says who breaks it, empty cells aside."""

    name: str
    columns: tuple[str, ...]
    broken: Callable[[pd.DataFrame], pd.Series]
    about_gaps: bool = False
    """Whether an empty cell is what breaks it."""


def _on(name: str, column: str, broken: Callable[[pd.Series], pd.Series]) -> _Rule:
    return _Rule(name, (column,), lambda table: broken(table[column]))


def _rules(
    section: EligibilitySection, arms: tuple[TreatmentArm, ...], predictors: tuple[str, ...]
) -> tuple[_Rule, ...]:
    age, days = section.minimum_age_years, section.maximum_days_ct_before_treatment
    named = " or ".join(arm.label if arm.label.isupper() else arm.value for arm in arms)
    rules = [
        _Rule(
            f"first treatment {named}",
            ("arm",),
            lambda table: ~table["arm"].isin([arm.value for arm in arms]),
            about_gaps=True,
        ),
        _on("treated in the enrolment window", "in_enrolment_window", lambda cell: ~cell),
        _on("HCC confirmed", "hcc_confirmed", lambda cell: ~cell),
        _on(f"age {age:g} years or above", "age_years", lambda cell: cell < age),
        _on("no other malignancy", "other_malignancy", lambda cell: cell),
        _on("no anti-tumor treatment before", "prior_antitumor_treatment", lambda cell: cell),
        _on(
            f"CT at most {days:g} days before treatment",
            "days_ct_to_treatment",
            lambda cell: (cell > days) | (cell < 0),
        ),
        _on("adequate image quality", "adequate_image_quality", lambda cell: ~cell),
        *_rules_of_data(section, predictors),
    ]
    return tuple(rules)


def _rules_of_data(section: EligibilitySection, predictors: tuple[str, ...]) -> list[_Rule]:
    """What must be known of a patient: his data where the protocol says so, his follow-up."""
    rules = []
    if section.require_complete_clinical_data:
        rules.append(_known("complete clinical data", predictors))
    rules.append(_known("follow-up known", ENDPOINT_COLUMNS))
    least = section.minimum_days_to_data_cut
    if least is not None:
        name = f"treated at least {least} days before the data cut"
        rules.append(_on(name, "days_to_data_cut", lambda cell: cell < least))
    return rules


def _known(name: str, columns: Sequence[str]) -> _Rule:
    asked = list(columns)
    return _Rule(name, tuple(asked), lambda table: table[asked].isna().any(axis=1), about_gaps=True)


def assess_eligibility(
    table: pd.DataFrame,
    quarantined: tuple[Quarantined, ...],
    *,
    section: EligibilitySection,
    arms: tuple[TreatmentArm, ...],
    predictors: tuple[str, ...],
    with_features: frozenset[str] | None = None,
) -> tuple[pd.DataFrame, Eligibility]:
    """The eligible patients' rows, and how they came to be these.

    Args:
        table: All rows as read, quarantined ones among them.
        quarantined: Patients set aside by the gates before.
        section: The protocol's rules.
        arms: The arms studied.
        predictors: Columns that must be complete where the protocol asks for complete data.
        with_features: Patients in a table of features that the models need; None: no such table.
    """
    flow = _Flow(table, arms)
    flow.keep(~flow.left.index.isin({entry.patient_id for entry in quarantined}), PASSED)
    for rule in _rules(section, arms, predictors):
        flow.apply(rule)
    if with_features is not None:
        known = _Rule("features known", (), lambda left: _absent(left, with_features))
        flow.apply(known)
    return flow.left, flow.told()


def _absent(left: pd.DataFrame, known: frozenset[str]) -> pd.Series:
    return pd.Series(~left.index.isin(known), index=left.index)


class _Flow:
    """The patients left so far, and what is told of the others."""

    def __init__(self, table: pd.DataFrame, arms: tuple[TreatmentArm, ...]) -> None:
        self.left = table
        self._arms = arms
        self._stages = [self._stage(IN_TABLE)]
        self._excluded: list[Excluded] = []
        self._not_assessable: list[str] = []
        self._not_assessed: dict[str, int] = {}

    def keep(self, kept: pd.Series, name: str) -> None:
        """Goes on with these patients, without a rule that the others broke."""
        self.left = self.left[kept]
        self._stages.append(self._stage(name))

    def apply(self, rule: _Rule) -> None:
        """Excludes who breaks the rule; a rule without cells to read is not assessable."""
        absent = [name for name in rule.columns if name not in self.left]
        if absent or self._is_blank(rule):
            self._not_assessable.append(rule.name)
            return
        broken = rule.broken(self.left).fillna(value=False).astype(bool)
        if not rule.about_gaps and rule.columns:
            n_unknown = int(self.left[rule.columns[0]].isna().sum())
            self._not_assessed |= {rule.name: n_unknown} if n_unknown else {}
        self._excluded += [
            Excluded(patient_id=patient, rule=rule.name) for patient in self.left.index[broken]
        ]
        self.keep(~broken, rule.name)

    def _is_blank(self, rule: _Rule) -> bool:
        """Whether nobody has a cell that the rule could judge."""
        if rule.about_gaps or not rule.columns:
            return False
        return bool(self.left[list(rule.columns)].isna().to_numpy().all())

    def told(self) -> Eligibility:
        """The record of it all."""
        return Eligibility(
            stages=tuple(self._stages),
            excluded=tuple(self._excluded),
            not_assessable=tuple(self._not_assessable),
            not_assessed=self._not_assessed,
        )

    def _stage(self, name: str) -> FlowStage:
        """How many patients are left: a patient who stands twice counts once."""
        arm = self.left["arm"][~self.left.index.duplicated()]
        counts = {one.value: int((arm == one.value).sum()) for one in self._arms}
        return FlowStage(name=name, counts=counts, of_no_arm=len(arm) - sum(counts.values()))
