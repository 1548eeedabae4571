"""Levels that separate the deaths from the others, named with their counts.

Where none, or every one, of the patients with a level has died, the partial likelihood grows with
the level's coefficient for ever: no finite estimate exists (Heinze and Schemper 2001,
doi:10.1111/j.0006-341X.2001.00114.x).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from components.cohort.endpoint import survival_target
from components.errors import FitFailed
from components.study.results import Record
from components.survival.cox import fit_cox
from components.survival.design import Predictor
from components.survival.target import SurvivalTarget


class Separation(Record):
    """A level of a predictor without a finite coefficient of its own."""

    predictor: str
    label: str
    level: str
    n: int
    n_events: int
    n_others: int
    n_events_others: int

    @property
    def sentence(self) -> str:
        """The finding with its counts."""
        return (
            f"column '{self.predictor}', level {self.level}, separates: {self.n_events} of "
            f"{self.n} training patients with it died, {self.n_events_others} of {self.n_others} "
            "without, so that its hazard ratio has no finite estimate"
        )


def separations(train: pd.DataFrame, predictors: Sequence[Predictor]) -> tuple[Separation, ...]:
    """The separating levels among the categorical predictors of training patients.

    Each level is judged by the Cox model of its indicator alone, in patients of known level; where
    none of these has died, nothing is separated.
    """
    found = []
    for predictor in predictors:
        known = train[train[predictor.name].notna()]
        target = survival_target(known)
        for level in predictor.levels:
            has = np.asarray(known[predictor.name].astype(str) == level)
            if has.all() or target.n_events == 0 or _has_estimate(has, target):
                continue
            found.append(
                Separation(
                    predictor=predictor.name,
                    label=predictor.label,
                    level=level,
                    n=int(has.sum()),
                    n_events=int(target.event[has].sum()),
                    n_others=int((~has).sum()),
                    n_events_others=int(target.event[~has].sum()),
                )
            )
    return _once(found)


def _has_estimate(has: np.ndarray, target: SurvivalTarget) -> bool:
    try:
        fit_cox(has.astype(np.float64).reshape(-1, 1), target)
    except FitFailed:
        return False
    return True


def _once(found: Sequence[Separation]) -> tuple[Separation, ...]:
    """Of a predictor's two levels that separate for the same reason, the rarer one."""
    best: dict[tuple[str, int], Separation] = {}
    for one in found:
        key = (one.predictor, min(one.n, one.n_others))
        if key not in best or one.n < best[key].n:
            best[key] = one
    return tuple(best.values())
