"""The parts of a column mapping: where armwise's columns stand in a hospital's sheet."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from components.cohort.schema import PREDICTORS, RULE_COLUMNS, Variable
from components.intake.cells import compared
from components.intake.units import DAYS_IN, UNITS, factor
from components.study.results import Record
from components.study.vocabulary import DataOrigin, TreatmentArm


def as_list(value: object) -> object:
    """One cell value may stand without brackets; a key without anything is an empty list."""
    if isinstance(value, str):
        return [value] if value.strip() else []
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Cells = Annotated[tuple[Text, ...], BeforeValidator(as_list)]
SomeCells = Annotated[tuple[Text, ...], BeforeValidator(as_list), Field(min_length=1)]
NUMBER_RULES = ("age_years", "days_ct_to_treatment")


def refuse_shared(levels: dict[str, tuple[str, ...]]) -> None:
    """Refuses a cell value that stands under two levels.

    Raises:
        ValueError: It names the value.
    """
    counted = Counter(form for cells in levels.values() for form in {*map(compared, cells)})
    shared = [form for form, n in counted.items() if n > 1]
    if shared:
        msg = f"the cell value '{shared[0]}' stands under two levels"
        raise ValueError(msg)


class TableFormat(Record):
    """How a file is to be read; what is not given is found out, and said."""

    sheet: Text | None = None
    header_row: int = Field(default=1, ge=1, le=1000)
    encoding: Text | None = None
    decimal: Literal[".", ","] = "."
    separator: Literal[",", ";", "\t", "|"] | None = None
    max_file_mb: float = Field(default=500, gt=0)


class StudyIdentity(Record):
    """Under which name results stand."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: Text
    origin: DataOrigin = DataOrigin.REAL


class PlainColumn(Record):
    """A column that is taken as it is."""

    column: Text


class ArmSource(Record):
    """The treatment arm: a column with its codings, or the same for all.

    `other` lists the cells of patients whose treatment is not studied: they are left out as such.
    """

    column: Text | None = None
    levels: dict[TreatmentArm, SomeCells] = Field(default_factory=dict)
    other: Cells = ()
    constant: TreatmentArm | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "ArmSource":
        if (self.column is None) == (self.constant is None):
            msg = "expected either 'column' with 'levels', or 'constant'"
            raise ValueError(msg)
        if (self.column is None) == bool(self.levels):
            msg = "'levels' says which cells of 'column' are which arm: both or neither"
            raise ValueError(msg)
        listed = {arm.value: cells for arm, cells in self.levels.items()}
        refuse_shared({**listed, "other": self.other})
        return self


class FollowUp(Record):
    """Time from first treatment to death or last contact: a column, or two dates.

    Where the sheet has both, the dates count and the column must agree with them.
    """

    column: Text | None = None
    unit: Text | None = None
    start: Text | None = None
    end: Text | None = None
    format: Text = "%Y-%m-%d"

    @model_validator(mode="after")
    def _one_way(self) -> "FollowUp":
        of_dates = self.start is not None and self.end is not None
        of_times = self.column is not None
        if (not of_dates and not of_times) or (self.start is None) != (self.end is None):
            msg = "expected 'column' with 'unit', or 'start' and 'end' with 'format'"
            raise ValueError(msg)
        if of_times and self.unit not in DAYS_IN:
            msg = f"unit: expected one of {', '.join(DAYS_IN)}"
            raise ValueError(msg)
        if not of_times and self.unit is not None:
            msg = "unit: dates give days; leave it out"
            raise ValueError(msg)
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The sheet's columns that it needs."""
        return tuple(name for name in (self.column, self.start, self.end) if name is not None)


class DeathCoding(Record):
    """Death of any cause; a transplant, for one, is no death."""

    column: Text
    dead: SomeCells
    censored: SomeCells

    @model_validator(mode="after")
    def _apart(self) -> "DeathCoding":
        refuse_shared({"dead": self.dead, "censored": self.censored})
        return self


class SplitColumn(Record):
    """Who trains and who tests, where the sheet says so."""

    column: Text
    train: SomeCells
    test: SomeCells

    @model_validator(mode="after")
    def _apart(self) -> "SplitColumn":
        refuse_shared({"train": self.train, "test": self.test})
        return self


class RuleColumn(Record):
    """What a rule of eligibility reads: yes or no, or a number with its unit."""

    column: Text
    unit: Text | None = None
    yes: Cells = ()
    no: Cells = ()
    missing: Cells = ()

    def check(self, name: str) -> None:
        """Refuses what does not fit the rule's column.

        Raises:
            ValueError: It says what was expected.
        """
        if name in RULE_COLUMNS:
            if not self.yes or not self.no or self.unit is not None:
                msg = "expected 'yes' and 'no', each with its cell values, and no unit"
                raise ValueError(msg)
            refuse_shared({"yes": self.yes, "no": self.no})
        elif name not in NUMBER_RULES:
            known = ", ".join((*NUMBER_RULES, *RULE_COLUMNS))
            msg = f"no rule reads it; known: {known}"
            raise ValueError(msg)
        elif self.yes or self.no:
            msg = "is a number: no 'yes' or 'no'"
            raise ValueError(msg)
        else:
            require_unit(name, self.unit)


class PredictorColumn(Record):
    """A predictor: one of armwise's by name, or one that the study declares here."""

    column: Text
    unit: Text | None = None
    levels: dict[str, Cells] = Field(default_factory=dict)
    kind: Literal["continuous", "count", "categorical"] | None = None
    label: Text | None = None
    lower: float | None = None
    upper: float | None = None
    missing: Cells = ()

    def check(self, name: str) -> None:
        """Refuses what does not fit the predictor.

        Raises:
            ValueError: It says what was expected.
        """
        refuse_shared(self.levels)
        if name in PREDICTORS:
            self._check_known(PREDICTORS[name])
        else:
            self._check_own()

    def _check_known(self, variable: Variable) -> None:
        redefined = [
            key for key in ("label", "kind", "lower", "upper") if getattr(self, key) is not None
        ]
        if redefined:
            msg = f"{redefined[0]}: armwise defines it; another variable needs another name"
            raise ValueError(msg)
        if variable.kind != "categorical":
            if self.levels:
                msg = f"levels: is a number in {variable.unit}; groups need a name of their own"
                raise ValueError(msg)
            require_unit(variable.name, self.unit)
            return
        strange = [level for level in self.levels if level not in variable.levels]
        if strange:
            msg = (
                f"levels: '{strange[0]}' is none of {', '.join(variable.levels)}; sort its cells "
                "under these, or give the variable another name"
            )
            raise ValueError(msg)
        self._check_levels()

    def _check_own(self) -> None:
        if self.levels or self.kind == "categorical":
            if self.kind not in {None, "categorical"} or len(self.levels) < 2:
                msg = "levels: a categorical predictor has two levels or more, a number has none"
                raise ValueError(msg)
            self._check_levels()
        elif self.unit is None:
            msg = "unit: expected its unit ('points' or 'ratio' where it has none)"
            raise ValueError(msg)
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            msg = "lower: expected less than upper"
            raise ValueError(msg)

    def _check_levels(self) -> None:
        if self.unit is not None:
            msg = "unit: levels have none"
            raise ValueError(msg)
        if self.levels and not any(self.levels.values()):
            msg = "levels: expected cell values under the levels, all are empty"
            raise ValueError(msg)

    def variable(self, name: str) -> Variable:
        """The predictor as armwise knows it, or as the study declares it."""
        if name in PREDICTORS:
            return PREDICTORS[name]
        return Variable(
            name=name,
            label=self.label or name.replace("_", " ").capitalize(),
            kind="categorical" if self.levels else (self.kind or "continuous"),
            unit=self.unit,
            levels=tuple(self.levels),
            lower=self.lower,
            upper=self.upper,
        )


def require_unit(name: str, unit: str | None) -> None:
    """Refuses a number without a unit, or with one that armwise cannot convert.

    Raises:
        ValueError: It names the units that are known.
    """
    if unit is None and len(UNITS[name]) == 1:
        return
    if unit is None or factor(name, unit) is None:
        msg = f"unit: expected one of {', '.join(UNITS[name])}"
        raise ValueError(msg)


class FeatureTable(TableFormat):
    """The features file: its column of patient ids, where it has one, and how it is read."""

    id_column: Text | None = None


class FeatureIds(Record):
    """A file beside the mapping whose rows name the patients in the features file's order."""

    file: Text
    column: Text | None = None
