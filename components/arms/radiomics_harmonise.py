"""Hand-crafted features without what their scanner or center adds, learnt in a training part."""

from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.errors import FitFailed
from components.study.results import Adaptation
from components.survival.combat import fit_combat
from components.survival.target import BoolArray, FloatArray


class Harmoniser:
    """ComBat by batch with the arm's effect kept, or nothing where there are no batches.

    Args:
        batches: (n,) scanner or center of each patient; None leaves all features as they are.
        arms: (n,) arm of each patient.
        by: What the batches are, for messages.
    """

    def __init__(
        self, batches: NDArray[np.str_] | None, arms: NDArray[np.str_], *, by: str | None
    ) -> None:
        self._batches, self._by = batches, by
        names = np.unique(arms)[1:]
        self._covariates = (arms[:, None] == names).astype(np.float64)
        self._said: dict[tuple[str, str], list[str]] = {}

    @classmethod
    def of(cls, table: pd.DataFrame, batches: pd.Series | None, *, by: str | None) -> Self:
        """The harmoniser of a table's patients (index) with their `arm`; batches by patient."""
        own = None if batches is None else batches.loc[table.index].to_numpy(dtype=np.str_)
        return cls(own, table["arm"].to_numpy(dtype=np.str_), by=by)

    def __call__(self, values: FloatArray, seen: BoolArray, *, part: str) -> FloatArray:
        """The features (n, p) of all patients, harmonised by what those seen (n,) teach.

        Args:
            values: (n, p) features.
            seen: (n,) who may be learnt from.
            part: Who they are, for messages.
        """
        if self._batches is None:
            return values
        try:
            learnt = fit_combat(values[seen], self._batches[seen], self._covariates[seen])
        except FitFailed as error:
            self._say(part, "features of everybody left as they are", str(error))
            return values
        strange = ~learnt.knows(self._batches)
        if strange.any():
            names = ", ".join(sorted(set(self._batches[strange])))
            self._say(
                part,
                f"features of {int(strange.sum())} patients left as they are",
                f"their {self._by} ({names}) has too few patients in the training part",
            )
        return learnt.apply(values, self._batches, self._covariates)

    @property
    def adaptations(self) -> tuple[Adaptation, ...]:
        """What could not be done, each once, with the parts in which that was so."""
        return tuple(
            Adaptation(
                step="radiomics",
                asked=f"ComBat by {self._by}, {', '.join(parts)}",
                done=done,
                why=why,
            )
            for (done, why), parts in self._said.items()
        )

    def _say(self, part: str, done: str, why: str) -> None:
        self._said.setdefault((done, why), []).append(part)
