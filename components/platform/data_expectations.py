"""What is expected of the tables, as data: expectations and what follows where one fails."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.cohort.schema import MANIFEST_COLUMNS, PREDICTORS, REQUIRED_COLUMNS, Variable
from components.study.protocol.cohort import CohortSection

_SPACING_MM = (0.1, 20.0)
_HU = (-1024.0, 3071.0)


@dataclass(frozen=True)
class Rule:
    """An expectation by its Great Expectations class name, and what follows where it fails.

    `reason` says it in words, for example "column 'os_days': a negative time".
    """

    kind: str
    arguments: Mapping[str, Any]
    reason: str
    consequence: Literal["stop", "quarantine"] = "quarantine"


def clinical_rules(
    columns: Sequence[str],
    section: CohortSection,
    *,
    predictors: Sequence[str],
    arms: Sequence[str],
    codebook: Mapping[str, Variable] = PREDICTORS,
) -> list[Rule]:
    """What is expected of a clinical table with these columns."""
    known = {*columns, "patient_id"}
    rules = [_exists(name) for name in dict.fromkeys((*REQUIRED_COLUMNS, *predictors))]
    rules += [rule for rule in _endpoint_rules(arms) if rule.arguments["column"] in known]
    rules += [_null_share(name, section) for name in predictors if name in known]
    judged = [codebook[name] for name in codebook if name in known]
    return rules + [_plausible(variable) for variable in judged if _is_bounded(variable)]


def manifest_rules(columns: Sequence[str]) -> list[Rule]:
    """What is expected of an image manifest with these columns."""
    known = set(columns)
    rules = [_exists(name) for name in MANIFEST_COLUMNS]
    return rules + [rule for rule in _image_rules() if rule.arguments["column"] in known]


def _exists(column: str) -> Rule:
    reason = f"expected the column '{column}', found none"
    return Rule("ExpectColumnToExist", {"column": column}, reason, "stop")


def _endpoint_rules(arms: Sequence[str]) -> list[Rule]:
    expected = f"neither {' nor '.join(arms)}" if len(arms) == 2 else f"none of {', '.join(arms)}"
    return [
        Rule(
            "ExpectColumnValuesToBeUnique",
            {"column": "patient_id"},
            "stands more than once in the clinical table",
        ),
        Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": "arm", "value_set": list(arms)},
            f"column 'arm': {expected}",
        ),
        Rule(
            "ExpectColumnValuesToBeBetween",
            {"column": "os_days", "min_value": 0},
            "column 'os_days': a negative time",
        ),
        Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": "death", "value_set": [0, 1]},
            "column 'death': neither 0 nor 1",
        ),
    ]


def _null_share(column: str, section: CohortSection) -> Rule:
    share = section.max_missing_share
    return Rule(
        "ExpectColumnProportionOfNonNullValuesToBeBetween",
        {"column": column, "min_value": 1 - share},
        f"column '{column}': more than {share:.0%} of its cells are empty; leave the column out, "
        "or raise cohort.max_missing_share of the protocol",
        "stop",
    )


def _is_bounded(variable: Variable) -> bool:
    """Whether anything is known of what its cells may hold: of a study's own, perhaps not."""
    return bool(variable.levels) or variable.lower is not None or variable.upper is not None


def _plausible(variable: Variable) -> Rule:
    if variable.kind == "categorical":
        return Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": variable.name, "value_set": list(variable.levels)},
            f"column '{variable.name}': none of {', '.join(variable.levels)}",
        )
    unit = f" {variable.unit}" if variable.unit else ""
    return _between(variable.name, variable.lower, variable.upper, unit)


def _between(column: str, lower: float | None, upper: float | None, unit: str = "") -> Rule:
    ends = ("any" if end is None else f"{end:g}" for end in (lower, upper))
    return Rule(
        "ExpectColumnValuesToBeBetween",
        {"column": column, "min_value": lower, "max_value": upper},
        f"column '{column}': outside {' to '.join(ends)}{unit}",
    )


def _image_rules() -> list[Rule]:
    return [
        Rule(
            "ExpectColumnValuesToBeUnique",
            {"column": "patient_id"},
            "stands more than once in the image manifest",
        ),
        Rule(
            "ExpectColumnValuesToNotBeNull",
            {"column": "roi_voxels"},
            "has no complete images (both phases and an ROI)",
        ),
        Rule(
            "ExpectColumnValuesToBeBetween",
            {"column": "roi_voxels", "min_value": 1},
            "has an empty ROI",
        ),
        *(_between(f"spacing_{axis}_mm", *_SPACING_MM, " mm") for axis in "xyz"),
        *(
            _between(f"{phase}_mean_hu_in_roi", *_HU, " HU")
            for phase in ("arterial", "portal_venous")
        ),
    ]
