"""What is known of a model in subgroups of patients."""

from typing import Literal

from pydantic import Field

from components.study.results import Estimate, Record
from components.study.vocabulary import ModelKind, Split, TreatmentArm


class SubgroupLevel(Record):
    """The patients of one level: how many, how many died, and Harrell's C among them."""

    level: str
    n: int
    n_events: int
    c_harrell: Estimate


class Subgroups(Record):
    """The levels of one variable in a split, and whether the model works differently in them.

    `interaction_p` is that of linear predictor x level; where it is None, `why_no_test` says why.
    `cut` is the training median at which a number was cut, `n_missing` are the empty cells.
    """

    arm: TreatmentArm
    kind: ModelKind
    split: Split
    variable: str
    label: str
    cut: float | None = None
    levels: tuple[SubgroupLevel, ...]
    n_missing: int
    interaction_p: float | None
    why_no_test: str | None = None


class SubgroupReport(Record):
    """All subgroups of the arms' nomogram models; `not_assessable` holds columns and reasons."""

    schema_: Literal["armwise.subgroups/1"] = Field(default="armwise.subgroups/1", alias="schema")
    judged: tuple[Subgroups, ...]
    not_assessable: dict[str, str]
    level: float

    @property
    def n_tests(self) -> int:
        """How many interactions were tested."""
        return sum(one.interaction_p is not None for one in self.judged)

    def of(self, arm: TreatmentArm) -> tuple[Subgroups, ...]:
        """Those of an arm."""
        return tuple(one for one in self.judged if one.arm is arm)
