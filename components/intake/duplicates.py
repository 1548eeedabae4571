"""Patients who stand in a sheet more than once."""

import pandas as pd

from components.intake.findings import Findings, named

_SHOWN_COLUMNS = 4


def settle_duplicates(table: pd.DataFrame, findings: Findings) -> pd.DataFrame:
    """The table with identical repetitions once; patients whose rows differ are set aside."""
    repeated = table.index.duplicated(keep=False)
    if not repeated.any():
        return table
    same: list[str] = []
    for patient, rows in table[repeated].groupby(level=0, sort=False):
        differing = [name for name in table.columns if rows[name].nunique(dropna=False) > 1]
        if not differing:
            same.append(str(patient))
            continue
        shown = ", ".join(differing[:_SHOWN_COLUMNS])
        reason = (
            f"stands in {_where(table, str(patient), findings)} that differ in {shown}; keep the "
            "right one in the sheet"
        )
        findings.reasons.setdefault(str(patient), []).append(reason)
    if same:
        findings.adapted(
            "one row for each patient",
            f"identical rows kept once (patient {named(same)})",
            "they stand in the sheet more than once",
        )
    again = table.index.duplicated(keep="first") & table.index.isin(same)
    return table[~again]


def _where(table: pd.DataFrame, patient: str, findings: Findings) -> str:
    places = [place for place, one in enumerate(table.index) if one == patient]
    if not findings.sheet_rows:
        return f"{len(places)} rows"
    return "rows " + " and ".join(str(findings.sheet_rows[place]) for place in places)
