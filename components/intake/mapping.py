"""A column mapping: how a hospital's sheet becomes a table of armwise, as one YAML file."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from components.cohort.schema import (
    ENDPOINT_COLUMNS,
    OTHER_COLUMNS,
    RULE_COLUMNS,
)
from components.errors import UsageError
from components.intake import mapping_images, mapping_parts
from components.intake.mapping_images import Below, ImageSource, StudyDates
from components.intake.mapping_parts import (
    ArmSource,
    Cells,
    DeathCoding,
    FeatureIds,
    FeatureTable,
    FollowUp,
    PlainColumn,
    PredictorColumn,
    RuleColumn,
    SplitColumn,
    StudyIdentity,
    TableFormat,
)
from components.study.faults import fault_text
from components.study.vocabulary import TreatmentArm

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = {"patient_id", "arm", "split", "dl_signature", *ENDPOINT_COLUMNS, *RULE_COLUMNS}
_TAKEN |= {*OTHER_COLUMNS}


class ColumnMapping(TableFormat):
    """The whole mapping; a key that it does not know is refused.

    `models` names the predictors of each arm's models; without it every mapped predictor is one.
    `clinical`, `images` and `dates` are what an import needs besides: the sheet's file below the
    imported folder, the images, and the dates that become intervals.
    """

    study: StudyIdentity
    patient_id: PlainColumn
    arm: ArmSource
    follow_up: FollowUp
    death: DeathCoding
    predictors: dict[str, PredictorColumn] = Field(default_factory=dict)
    eligibility: dict[str, RuleColumn] = Field(default_factory=dict)
    center: PlainColumn | None = None
    split: SplitColumn | None = None
    models: dict[TreatmentArm, tuple[str, ...]] | None = None
    features: FeatureTable = Field(default_factory=FeatureTable)
    feature_ids: FeatureIds | None = None
    missing: Cells = ()
    clinical: Below | None = None
    images: ImageSource | None = None
    dates: StudyDates | None = None

    @field_validator("models", mode="before")
    @classmethod
    def _for_each_arm(cls, value: object) -> object:
        return dict.fromkeys(TreatmentArm, value) if isinstance(value, list) else value

    @field_validator("feature_ids", mode="before")
    @classmethod
    def _file_alone(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _columns_fit(self) -> "ColumnMapping":
        for name, predictor in self.predictors.items():
            if not _NAME.fullmatch(name) or name in _TAKEN:
                msg = (
                    f"predictors.{name}: expected a name of small letters, digits and '_' that is "
                    "not one of armwise's own columns"
                )
                raise ValueError(msg)
            _named(f"predictors.{name}", predictor, name)
        for name, rule in self.eligibility.items():
            if name in self.predictors:
                msg = f"eligibility.{name}: is mapped under predictors already; the rule reads that"
                raise ValueError(msg)
            _named(f"eligibility.{name}", rule, name)
        self._check_models()
        self._check_dates()
        if self.features.id_column is not None and self.feature_ids is not None:
            msg = "feature_ids: features.id_column names the patients already; keep one of the two"
            raise ValueError(msg)
        return self

    def _check_models(self) -> None:
        for arm, names in (self.models or {}).items():
            unknown = [name for name in names if name not in self.predictors]
            if unknown:
                near = _near(unknown[0], self.predictors)
                msg = f"models.{arm.value}: '{unknown[0]}' is not mapped under predictors{near}"
                raise ValueError(msg)

    def _check_dates(self) -> None:
        dates = self.dates
        if dates is None:
            return
        if dates.treatment is None and self.follow_up.start is None:
            msg = "dates.treatment: expected the column of the day of treatment, or follow_up.start"
            raise ValueError(msg)
        if dates.ct is not None and "days_ct_to_treatment" in self.eligibility:
            msg = "dates.ct: eligibility.days_ct_to_treatment gives the days already; keep one"
            raise ValueError(msg)

    def sheet_columns(self) -> dict[str, str]:
        """By key of the mapping, the column of the sheet that it names."""
        return dict(self._named_columns())

    def _named_columns(self) -> Iterator[tuple[str, str]]:
        yield "patient_id", self.patient_id.column
        if self.arm.column is not None:
            yield "arm", self.arm.column
        for column in self.follow_up.columns:
            yield f"follow_up ({column})", column
        yield "death", self.death.column
        for name, predictor in self.predictors.items():
            yield f"predictors.{name}", predictor.column
        for name, rule in self.eligibility.items():
            yield f"eligibility.{name}", rule.column
        for key in ("treatment", "ct"):
            if self.dates is not None and (column := getattr(self.dates, key)) is not None:
                yield f"dates.{key}", column
        if self.center is not None:
            yield "center", self.center.column
        if self.split is not None:
            yield "split", self.split.column


def _named(where: str, part: PredictorColumn | RuleColumn, name: str) -> None:
    try:
        part.check(name)
    except ValueError as error:
        msg = f"{where}.{error}" if re.match(r"\w+: ", str(error)) else f"{where}: {error}"
        raise ValueError(msg) from None


def _near(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


class _TextLoader(yaml.SafeLoader):
    """YAML in which every scalar stays text, so that `no`, `1.0` and `A` are cell values alike."""


_TextLoader.yaml_implicit_resolvers = {}


def _mapping_without_repeats(loader: _TextLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    repeated = [key for key in keys if keys.count(key) > 1]
    if repeated:
        problem = f"the key '{repeated[0]}' stands twice"
        raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
    return dict(loader.construct_mapping(node, deep=True))


_TextLoader.add_constructor("tag:yaml.org,2002:map", _mapping_without_repeats)


def read_mapping(path: Path) -> ColumnMapping:
    """The column mapping in a YAML file; `feature_ids.file` is sought beside it.

    Raises:
        UsageError: The file is missing, is no YAML, or holds an unknown key or a bad value.
    """
    try:
        content = _TextLoader(path.read_text(encoding="utf-8-sig")).get_single_data()
    except FileNotFoundError:
        msg = f"expected a column mapping at {path}, found none; `armwise columns` drafts one"
        raise UsageError(msg) from None
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path}: expected YAML text: {error}"
        raise UsageError(msg) from None
    if not isinstance(content, dict):
        msg = f"{path}: expected the keys of a column mapping; `armwise columns` drafts one"
        raise UsageError(msg)
    try:
        mapping = ColumnMapping.model_validate(_without_blanks(content))
    except ValidationError as error:
        msg = f"{path}: " + "; ".join(_sentence(fault) for fault in error.errors())
        raise UsageError(msg) from None
    if mapping.feature_ids is None:
        return mapping
    beside = str(path.resolve().parent / mapping.feature_ids.file)
    ids = mapping.feature_ids.model_copy(update={"file": beside})
    return mapping.model_copy(update={"feature_ids": ids})


def _without_blanks(content: Any) -> Any:
    """A key with nothing behind it is a key left out: a draft's optional blanks may stay."""
    if isinstance(content, dict):
        return {key: _without_blanks(value) for key, value in content.items() if value != ""}
    return content


def _sentence(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{where}: no such key{_near(str(fault['loc'][-1]), _known_keys())}"
    if fault["type"] == "missing":
        return f"{where}: is blank or missing; fill it in"
    if fault["type"] != "value_error":
        return fault_text(fault, whole="mapping")
    text = fault["msg"].removeprefix("Value error, ")
    return f"{where}: {text}" if where else text


def _known_keys() -> set[str]:
    modules = (mapping_parts, mapping_images)
    values = [value for module in modules for value in vars(module).values()]
    parts = [value for value in values if isinstance(value, type)]
    models: list[type[BaseModel]] = [ColumnMapping]
    models.extend(part for part in parts if issubclass(part, BaseModel))
    return {key for model in models for key in model.model_fields}
