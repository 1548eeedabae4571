"""The clinical table at the edge: read once, typed once, then trusted."""

from collections.abc import Mapping

import pandas as pd

from components.cohort.dataset import Dataset, read_table
from components.cohort.schema import (
    ENDPOINT_COLUMNS,
    OTHER_COLUMNS,
    REQUIRED_COLUMNS,
    RULE_COLUMNS,
    Variable,
)
from components.errors import CohortRejected

_NUMERIC_OTHER = ("days_ct_to_treatment", "days_to_data_cut")
_SHOWN = 5


def read_clinical(dataset: Dataset, *, predictors: tuple[str, ...]) -> pd.DataFrame:
    """The clinical table with `patient_id` as index, one row for each row of the file.

    Numbers are float64, categories are strings, rule columns are nullable booleans. Values are not
    judged here: that is the validation gate's part. Columns unknown to armwise are left out.

    Args:
        dataset: Where the table lies.
        predictors: The predictors that the protocol's models need.

    Raises:
        CohortRejected: The table cannot be read, lacks a column that the protocol needs, names a
            predictor that armwise does not know, or holds text where numbers belong.
    """
    return typed_clinical(
        read_table(dataset.clinical_path),
        predictors=predictors,
        codebook=dataset.codebook(),
        where=dataset.clinical_path.name,
    )


def typed_clinical(
    table: pd.DataFrame,
    *,
    predictors: tuple[str, ...],
    codebook: Mapping[str, Variable],
    where: str,
) -> pd.DataFrame:
    """A clinical table as `read_clinical` gives it, from one that was read elsewhere.

    Args:
        table: As it was stored, `patient_id` a column.
        predictors: The predictors that must be there.
        codebook: What the predictors are.
        where: What a message calls the table.

    Raises:
        CohortRejected: As `read_clinical`.
    """
    _require(table, where, (*REQUIRED_COLUMNS, *predictors), codebook)
    if table["patient_id"].isna().any():
        rows = [str(row) for row in table.index[table["patient_id"].isna()][:_SHOWN]]
        msg = f"{where}: column 'patient_id' is empty in row {', '.join(rows)}"
        raise CohortRejected(msg)
    table = table.set_index(table["patient_id"].astype(str)).drop(columns="patient_id")
    known = ("arm", *ENDPOINT_COLUMNS, *OTHER_COLUMNS, *RULE_COLUMNS, *codebook)
    typed = {
        name: _typed(table[name], name, where, codebook.get(name))
        for name in known
        if name in table
    }
    return pd.DataFrame(typed, index=table.index)


def _require(
    table: pd.DataFrame, where: str, needed: tuple[str, ...], codebook: Mapping[str, Variable]
) -> None:
    unknown = [name for name in needed if name not in (*REQUIRED_COLUMNS, *codebook)]
    if unknown:
        msg = (
            f"the protocol names the predictor {', '.join(unknown)}, which armwise does not know; "
            f"known are {', '.join(codebook)}"
        )
        raise CohortRejected(msg)
    missing = [name for name in dict.fromkeys(needed) if name not in table.columns]
    if missing:
        msg = (
            f"{where}: expected the column {', '.join(missing)}, found none of that name; "
            f"rename the column in the source table or take it out of the protocol"
        )
        raise CohortRejected(msg)


def _typed(column: pd.Series, name: str, where: str, variable: Variable | None) -> pd.Series:
    if name in RULE_COLUMNS or name == "in_enrolment_window":
        return _booleans(column, name, where)
    numeric = name in (*ENDPOINT_COLUMNS, *_NUMERIC_OTHER) or (
        variable is not None and variable.kind != "categorical"
    )
    return _numbers(column, name, where) if numeric else _words(column)


def _numbers(column: pd.Series, name: str, where: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    _refuse(column.notna() & numbers.isna(), name, where, "a number")
    return numbers


def _booleans(column: pd.Series, name: str, where: str) -> pd.Series:
    known = column.map({True: True, False: False}).astype("boolean")  # 1 and 0 equal these
    _refuse(column.notna() & known.isna(), name, where, "true or false")
    return known


def _words(column: pd.Series) -> pd.Series:
    words = column.astype("object").map(_word, na_action="ignore")
    return words.where(column.notna(), None)


def _word(cell: object) -> str:
    """Grades and stages that a spreadsheet stored as 1.0 are the level "1"."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def _refuse(wrong: pd.Series, name: str, where: str, expected: str) -> None:
    if not wrong.any():
        return
    patients = wrong.index[wrong]
    more = f" and {len(patients) - _SHOWN} more" if len(patients) > _SHOWN else ""
    msg = (
        f"{where}: column '{name}': expected {expected} in every cell, came something else for "
        f"patient {', '.join(patients[:_SHOWN])}{more}; correct the cells or empty them"
    )
    raise CohortRejected(msg)
