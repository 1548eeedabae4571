"""One run of Great Expectations: rules in, their results out, and what could not be judged."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from components.cohort.gate_records import NotAssessable
from components.platform.expectation_rule import Rule

_EXISTS = "ExpectColumnToExist"
_OF_EMPTY_CELLS = frozenset(
    {"ExpectColumnProportionOfNonNullValuesToBeBetween", "ExpectColumnValuesToNotBeNull"}
)
_SEVERITIES = {"stop": "critical", "quarantine": "warning", "warn": "info"}


@dataclass(frozen=True, eq=False)
class Judged:
    """What became of the rules of a suite.

    Attributes:
        answer: Great Expectations' own result object; None where no rule could be judged.
        rows: Each rule that was judged, with its result.
        not_assessable: The others.
    """

    answer: Any
    rows: tuple[tuple[Rule, Any], ...]
    not_assessable: tuple[NotAssessable, ...]


def judge(
    table: pd.DataFrame, rules: Sequence[Rule], *, name: str, key: str, derived: Sequence[str] = ()
) -> Judged:
    """Has the rules judged on a table.

    Args:
        table: One row a subject, with the columns that were derived for some rules.
        rules: What is expected of it.
        name: Of the table.
        key: The column that names the subjects.
        derived: The columns that were derived: nullable booleans.
    """
    reasons = [(rule, _why_not(rule, table, frozenset(derived))) for rule in rules]
    assessable = [rule for rule, why in reasons if why is None]
    unjudged = tuple(
        NotAssessable(rule=rule.question, why=why) for rule, why in reasons if why is not None
    )
    if not assessable:
        return Judged(None, (), unjudged)
    answer = _run(table, assessable, name=name, key=key)
    rows = tuple(
        (assessable[int(row.expectation_config.meta["rule"])], row) for row in answer.results
    )
    return Judged(answer, rows, unjudged)


def subjects_of(row: Any, key: str) -> list[str]:
    """Whom a result names as unexpected, each once."""
    entries = row.result.get("unexpected_index_list") or ()
    return list(dict.fromkeys(str(entry[key]) for entry in entries))


def could_be_computed(row: Any) -> bool:
    """Whether the expectation gave an answer: a library's error is none, whatever it is set to."""
    return bool(row.success) or bool(row.result)


def _why_not(rule: Rule, table: pd.DataFrame, derived: frozenset[str]) -> str | None:
    """Why a rule cannot be judged on a table; None where it can."""
    if rule.kind == _EXISTS:
        return None
    missing = [name for name in rule.sources if name not in table]
    if missing:
        return f"{_columns(missing)} missing"
    if rule.kind in _OF_EMPTY_CELLS:
        return None
    empty = [name for name in rule.sources if not table[name].notna().any()]
    if empty:
        return f"{_columns(empty)} empty"
    n_known = int(table[rule.column].notna().sum())
    if n_known >= rule.fewest:
        return None
    if rule.column in derived:
        return "it concerns nobody whose cells are known"
    return f"column '{rule.column}' has {n_known} known cells, fewer than {rule.fewest}"


def _columns(names: Sequence[str]) -> str:
    quoted = ", ".join(f"'{name}'" for name in names)
    return f"columns {quoted} are" if len(names) > 1 else f"column {quoted} is"


def _run(table: pd.DataFrame, rules: Sequence[Rule], *, name: str, key: str) -> Any:
    """Great Expectations' own result object, with the unexpected rows' subjects listed."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")  # read at import
    import great_expectations as gx  # 6 s: only where a table is judged

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batches = (
        context.data_sources.add_pandas("cohort")
        .add_dataframe_asset(name)
        .add_batch_definition_whole_dataframe("whole")
    )
    expectations = [
        getattr(gx.expectations, rule.kind)(
            **rule.arguments, meta={"rule": number}, severity=_SEVERITIES[rule.consequence]
        )
        for number, rule in enumerate(rules)
    ]
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = gx.ValidationDefinition(name=name, data=batches, suite=suite)
    return context.validation_definitions.add(definition).run(
        batch_parameters={"dataframe": table},
        result_format={"result_format": "COMPLETE", "unexpected_index_column_names": [key]},
    )
