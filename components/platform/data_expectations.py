"""What is expected of the tables, as data: expectations and what follows where one fails."""

from collections.abc import Mapping, Sequence

from components.cohort.consistency_rules import Consistency
from components.cohort.schema import PREDICTORS, REQUIRED_COLUMNS, Variable
from components.intake.units import UNITS
from components.platform.expectation_rule import Rule, between, exists, holds
from components.study.protocol.cohort import CohortSection

_LONGEST_DAYS = 36_525
_TYPICAL_MEDIAN_DAYS = (60, 7300)
_FEWEST_FOR_MEDIAN = 5
_RENAME = "rename the column in the source table, or take it out of the protocol"
_ALBI = ("albumin_g_per_l", "bilirubin_umol_per_l")


def clinical_rules(
    section: CohortSection,
    *,
    predictors: Sequence[str],
    arms: Sequence[str],
    codebook: Mapping[str, Variable] = PREDICTORS,
    between_columns: Sequence[Consistency] = (),
) -> list[Rule]:
    """What is expected of a clinical table, whichever columns it has.

    Args:
        section: How much may be wrong.
        predictors: The predictors that the protocol's models need.
        arms: The treatments studied.
        codebook: Levels and plausible ranges of the predictors.
        between_columns: Rules whose derived columns the table has been given.
    """
    names = dict.fromkeys((*REQUIRED_COLUMNS, *predictors))
    rules = [exists(name, remedy=_RENAME) for name in names]
    rules += [*_endpoint_rules(arms), *_setting_rules()]
    rules += [_null_share(name, section) for name in predictors]
    rules += [_plausible(one) for one in codebook.values() if _is_bounded(one)]
    needed = {*predictors, *(_ALBI if "albi_grade" in predictors else ())}
    rules += [
        _unit(one, one.typical_median, is_needed=one.name in needed)
        for one in codebook.values()
        if one.typical_median is not None
    ]
    rules += [_varies(name) for name in codebook]
    return rules + [
        holds(one.name, one.reason, one.consequence, asked=one.asked, needs=one.needs)
        for one in between_columns
    ]


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
            "ExpectColumnValuesToBeBetween",
            {"column": "os_days", "max_value": _LONGEST_DAYS},
            "column 'os_days': more than a hundred years; is the unit days?",
        ),
        Rule(
            "ExpectColumnValuesToBeInSet",
            {"column": "death", "value_set": [0, 1]},
            "column 'death': neither 0 nor 1",
        ),
        Rule(
            "ExpectColumnMedianToBeBetween",
            _limits("os_days", _TYPICAL_MEDIAN_DAYS),
            f"column 'os_days': the median lies outside {_TYPICAL_MEDIAN_DAYS[0]} to "
            f"{_TYPICAL_MEDIAN_DAYS[1]} days; is the unit days?",
            "warn",
            fewest=_FEWEST_FOR_MEDIAN,
        ),
        *(_complete(name) for name in ("arm", "os_days", "death")),
    ]


def _setting_rules() -> list[Rule]:
    """Of what stands beside predictors and endpoint."""
    return [
        Rule(
            "ExpectColumnValuesToBeBetween",
            {"column": "days_to_data_cut", "min_value": 0},
            "column 'days_to_data_cut': treated after the data cut",
        ),
        Rule(
            "ExpectColumnValuesToMatchRegex",
            {"column": "treatment_quarter", "regex": r"^[0-9]{4}Q[1-4]$"},
            "column 'treatment_quarter': expected a year and a quarter, such as 2019Q3; no "
            "calendar date may stand in the data: take it out",
            "stop",
        ),
    ]


def _complete(column: str) -> Rule:
    return Rule(
        "ExpectColumnValuesToNotBeNull",
        {"column": column},
        f"column '{column}' is empty, so excluded by eligibility; fill it in",
        "warn",
    )


def _null_share(column: str, section: CohortSection) -> Rule:
    share = section.max_missing_share
    return Rule(
        "ExpectColumnProportionOfNonNullValuesToBeBetween",
        {"column": column, "min_value": 1 - share},
        f"column '{column}': more than {share:.0%} of its cells are empty; leave the column out, "
        "or raise cohort.max_missing_share of the protocol",
        "stop",
    )


def _unit(variable: Variable, typical: tuple[float, float], *, is_needed: bool) -> Rule:
    """The median of a column lies where that of any cohort of liver patients does.

    Another unit of a column that the models read stops the flow; of another column it is said.
    """
    others = [unit for unit in UNITS.get(variable.name, {}) if unit != variable.unit]
    hint = f" (such as {others[0]})" if others else ""
    return Rule(
        "ExpectColumnMedianToBeBetween",
        _limits(variable.name, typical),
        f"column '{variable.name}': the median lies outside {typical[0]:g} to {typical[1]:g} "
        f"{variable.unit}, as of no cohort of liver patients; is the unit another one{hint}? "
        f"Convert the column to {variable.unit}",
        "stop" if is_needed else "warn",
        fewest=_FEWEST_FOR_MEDIAN,
    )


def _varies(column: str) -> Rule:
    return Rule(
        "ExpectColumnUniqueValueCountToBeBetween",
        {"column": column, "min_value": 2},
        f"column '{column}' is the same in all patients: it tells nothing of them",
        "warn",
    )


def _limits(column: str, limits: tuple[float, float]) -> dict[str, object]:
    return {"column": column, "min_value": limits[0], "max_value": limits[1]}


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
    return between(variable.name, variable.lower, variable.upper, unit)
