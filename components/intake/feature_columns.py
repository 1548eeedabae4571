"""Which columns and rows of a feature table can be used."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.errors import CohortRejected
from components.intake.findings import Findings, named

_MOSTLY = 0.5
_GAPS_IN_COLUMN = 0.1
_FAR = 1e6
_DOMINANT = 0.99


def judge_features(features: pd.DataFrame, name: str, findings: Findings) -> pd.DataFrame:
    """The columns that can be used; patients whose rows cannot are set aside in `findings`.

    First the rows that are mostly unusable, then the columns that are so in many of the rows left,
    constant, or hold values a million times farther out than the others; then every row that still
    has a gap.

    Args:
        features: Values (n_rows, n_columns) in the file's order, NaN where unusable.
        name: The file, for messages.
        findings: Takes what is left out; its patients are the rows'.

    Raises:
        CohortRejected: No row or no column is left.
    """
    values = features.to_numpy(dtype=np.float64)
    usable = np.isfinite(values)
    rows = usable.mean(axis=1) > _MOSTLY
    findings.set_aside(
        np.flatnonzero(~rows).tolist(),
        "most features are missing or infinite; compute them again",
    )
    if not rows.any():
        msg = f"{name}: in every row most features are missing or infinite; compute them again"
        raise CohortRejected(msg)
    kept = _columns(features, values, rows, findings)
    if not kept.any():
        msg = f"{name}: no feature differs between patients and is known for them; compute again"
        raise CohortRejected(msg)
    gaps = rows & ~usable[:, kept].all(axis=1)
    findings.set_aside(
        np.flatnonzero(gaps).tolist(), "a feature is missing or infinite; compute them again"
    )
    _tell_dominated(features.loc[:, kept], values[:, kept], rows & ~gaps, findings)
    return features.loc[:, kept]


def _columns(
    features: pd.DataFrame, values: NDArray[np.float64], rows: NDArray[np.bool_], findings: Findings
) -> NDArray[np.bool_]:
    left = values[rows]
    gappy = np.isnan(left).mean(axis=0) > _GAPS_IN_COLUMN
    counted = np.where(np.isnan(left), np.inf, left).min(axis=0)
    constant = ~gappy & (counted == np.where(np.isnan(left), -np.inf, left).max(axis=0))
    absurd = ~gappy & ~constant & _absurd(left)
    reasons = (
        (gappy, f"in more than {_GAPS_IN_COLUMN:.0%} of the patients they are missing or infinite"),
        (constant, "they are the same in all patients"),
        (
            absurd,
            "single values are over a million times farther out than the others (such as 1e13)",
        ),
    )
    for which, why in reasons:
        if which.any():
            columns = named(str(column) for column in features.columns[which])
            findings.adapted("every column of the features", f"left out: {columns}", why)
    return np.asarray(~(gappy | constant | absurd))


def _absurd(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Columns (p,) of (n, p) whose farthest value lies a million times beyond the usual distance.

    The usual distance from the median is that of the 90th percentile, or, where that is zero, of
    the nearest patient who differs.
    """
    distance = np.abs(values - np.nanmedian(values, axis=0))
    farthest = np.nanmax(distance, axis=0)
    usual = np.nanquantile(distance, 0.9, axis=0)
    nearest = np.nanmin(np.where(distance > 0, distance, np.inf), axis=0)
    return np.asarray(farthest > _FAR * np.where(usual > 0, usual, nearest))


def _tell_dominated(
    features: pd.DataFrame, values: NDArray[np.float64], rows: NDArray[np.bool_], findings: Findings
) -> None:
    """Tells of columns in which one patient makes up nearly all of the variance."""
    if rows.sum() < 3:
        return
    left = values[rows]
    squares = (left - left.mean(axis=0)) ** 2
    total = squares.sum(axis=0)
    share = np.divide(squares.max(axis=0), total, out=np.zeros_like(total), where=total > 0)
    n = int(rows.sum())
    which = share > _DOMINANT * (n - 1) / n  # one value alone differs: its share is (n - 1) / n
    if which.any():
        columns = named(str(column) for column in features.columns[which])
        findings.notes.append(
            f"features: of {columns} one patient makes up nearly all of the variance; kept."
        )
