"""What the follow-up of each arm can carry: deaths, parameters, maturity, known labels."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from components.cohort.endpoint import survival_target, with_endpoint
from components.cohort.schema import Variable
from components.study.results import Estimate, Record
from components.survival.ipcw import UNKNOWN, risk_labels
from components.survival.kaplan_meier import median_follow_up, survival_estimate
from components.survival.target import SurvivalTarget


class ArmFollowUp(Record):
    """One arm before eligibility, without who is in quarantine or cannot be analysed.

    Attributes:
        n_parameters: Columns that the arm's candidate predictors span, each level but the first
            counted; a predictor that does not vary spans none.
        constant: Candidate predictors that are the same in all of the arm's patients.
        maturity: Share of the patients whom follow-up would reach at the horizon, had nobody died
            (reverse Kaplan-Meier); not estimable without patients, or where nobody got so far and
            the last one died.
        median_follow_up_days: By reverse Kaplan-Meier.
        n_unknown: Censored before the horizon, so without a label there.
    """

    arm: str
    n: int
    n_events: int
    n_parameters: int
    constant: tuple[str, ...]
    horizon_days: int
    maturity: Estimate
    median_follow_up_days: Estimate
    n_unknown: int

    @property
    def events_per_parameter(self) -> float | None:
        """Deaths a candidate parameter; None without parameters."""
        return self.n_events / self.n_parameters if self.n_parameters else None

    @property
    def unknown_share(self) -> float | None:
        """Share of the patients without a label; None without patients."""
        return self.n_unknown / self.n if self.n else None


def follow_up_of_arms(
    table: pd.DataFrame,
    *,
    arms: Sequence[str],
    predictors: Mapping[str, Sequence[str]],
    horizon_days: int,
    codebook: Mapping[str, Variable],
    without: Collection[str] = (),
) -> tuple[ArmFollowUp, ...]:
    """The follow-up of each arm.

    Args:
        table: The clinical table, one row a patient, indexed by pseudonym.
        arms: The treatments studied.
        predictors: Candidate predictors of each arm.
        horizon_days: Where labels are taken.
        codebook: What the predictors are.
        without: Patients in quarantine, who are not counted.
    """
    usable = table[_can_be_analysed(table) & ~table.index.isin(list(without))]
    usable, _ = with_endpoint(usable)
    return tuple(
        _of_arm(usable[usable["arm"] == arm], arm, predictors.get(arm, ()), horizon_days, codebook)
        for arm in arms
    )


def _can_be_analysed(table: pd.DataFrame) -> pd.Series:
    return table["os_days"].ge(0) & np.isfinite(table["os_days"]) & table["death"].isin([0, 1])


def _of_arm(
    rows: pd.DataFrame,
    arm: str,
    predictors: Sequence[str],
    horizon_days: int,
    codebook: Mapping[str, Variable],
) -> ArmFollowUp:
    target = survival_target(rows)
    known = [name for name in predictors if name in rows]
    return ArmFollowUp(
        arm=arm,
        n=target.n,
        n_events=target.n_events,
        n_parameters=sum(_n_parameters(rows[name], codebook[name]) for name in known),
        constant=tuple(name for name in known if rows[name].nunique() == 1),
        horizon_days=horizon_days,
        maturity=_maturity(target, horizon_days),
        median_follow_up_days=median_follow_up(target),
        n_unknown=int(np.sum(risk_labels(target, horizon_days) == UNKNOWN)),
    )


def _n_parameters(column: pd.Series, variable: Variable) -> int:
    varies = max(int(column.nunique()) - 1, 0)
    return varies if variable.kind == "categorical" else min(varies, 1)


def _maturity(target: SurvivalTarget, horizon_days: int) -> Estimate:
    """Kaplan-Meier of the censoring at the horizon.

    Schemper and Smith 1996, doi:10.1016/0197-2456(96)00075-X.
    """
    reverse = SurvivalTarget(target.time_days, ~target.event)
    found = survival_estimate(reverse, horizon_days)
    return found.model_copy(
        update={"n_events": target.n_events, "method": "reverse Kaplan-Meier, log interval"}
    )
