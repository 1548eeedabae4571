"""The ledger of the risk label: how many died by the horizon, were seen beyond it, or neither."""

import numpy as np
import pandas as pd

from components.cohort.endpoint import survival_target
from components.study.protocol import LabelSection
from components.study.results import Record
from components.study.vocabulary import Split, TreatmentArm
from components.survival.ipcw import label_weights, risk_labels


class LedgerRow(Record):
    """Labels of one arm in one split; `effective_n` is Kish's (sum w)^2 / sum w^2."""

    arm: str
    split: str
    high: int
    low: int
    unknown: int
    effective_n: float


class LabelLedger(Record):
    """What the networks can learn from."""

    horizon_days: int
    rows: tuple[LedgerRow, ...]


def label_ledger(
    table: pd.DataFrame, *, section: LabelSection, arms: tuple[TreatmentArm, ...]
) -> LabelLedger:
    """The ledger of a table with columns `arm`, `split`, `os_days`, `death`.

    Weights come from the censoring of the arm's training patients.
    """
    rows = [
        _row(table, arm, split, section)
        for arm in arms
        for split in Split
        if _part(table, arm, split).shape[0]
    ]
    return LabelLedger(horizon_days=section.horizon_days, rows=tuple(rows))


def _part(table: pd.DataFrame, arm: TreatmentArm, split: Split) -> pd.DataFrame:
    return table[(table["arm"] == arm.value) & (table["split"] == split.value)]


def _row(table: pd.DataFrame, arm: TreatmentArm, split: Split, section: LabelSection) -> LedgerRow:
    target = survival_target(_part(table, arm, split))
    labels = risk_labels(target, section.horizon_days)
    fitted_on = survival_target(_part(table, arm, Split.TRAIN))
    weights = label_weights(
        target, section.horizon_days, fitted_on=fitted_on, cap=section.weight_cap
    )
    squares = float(np.sum(weights**2))
    return LedgerRow(
        arm=arm.value,
        split=split.value,
        high=int(np.sum(labels == 1)),
        low=int(np.sum(labels == 0)),
        unknown=int(np.sum(labels == -1)),
        effective_n=float(np.sum(weights)) ** 2 / squares if squares else 0.0,
    )
