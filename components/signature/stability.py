"""How often a feature is selected where the patients are drawn again.

Patients are drawn with replacement within their arm and the whole path from features to signature
is gone in each resample, copies of a patient sharing a fold. What is selected in few resamples is
this sample's, not the features'. Sauerbrei and Schumacher 1992, doi:10.1002/sim.4780111607.
"""

import builtins
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.errors import FitFailed, NoEventsInArm
from components.signature.signature import fit_signature
from components.study.protocol.signature import SignatureSection
from components.study.randomness import step_seed
from components.study.results import Record
from components.survival.target import FloatArray, IntArray, SurvivalTarget

RESAMPLES_A_TASK = 5
"""A task carries the features with it: one for each resample would be sent far too often."""


class SelectionStability(Record):
    """In how many of `n_resamples` bootstrap resamples each feature was selected.

    `n_selected` by feature, those never selected left out; `sizes` the number of features of each
    resample's signature, 0 where it is null; `failures` counts why a resample had none.
    """

    n_resamples: int
    n_selected: dict[int, int]
    sizes: tuple[int, ...]
    failures: dict[str, int]

    def share(self, feature: int) -> float | None:
        """Share of the resamples with a signature, null ones too, that selected a feature."""
        return self.n_selected.get(feature, 0) / len(self.sizes) if self.sizes else None

    @property
    def n_null(self) -> int:
        """Resamples in which nothing was selected."""
        return self.sizes.count(0)

    @property
    def ordered(self) -> tuple[int, ...]:
        """The features by how often they were selected, most often first."""
        return tuple(sorted(self.n_selected, key=lambda one: (-self.n_selected[one], one)))


@dataclass(frozen=True, eq=False)
class ResampleTask:
    """Some resamples by their numbers, and what they need; it can be sent to another process."""

    features: FloatArray
    target: SurvivalTarget
    arms: NDArray[np.str_]
    section: SignatureSection
    seed: int
    numbers: tuple[int, ...]


Selected = list[tuple[int, ...] | str]
"""Features selected in each resample of a task, or why there are none."""

StabilityMap = Callable[
    [Callable[[ResampleTask], Selected], Iterable[ResampleTask]], Iterable[Selected]
]


def selection_stability(
    features: FloatArray,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    section: SignatureSection,
    n_resamples: int,
    seed: int,
    map: StabilityMap = builtins.map,  # noqa: A002 -- as in lasso_cox
    on_progress: Callable[[int, int], object] | None = None,
) -> SelectionStability:
    """How often each feature of one network is selected over bootstrap resamples.

    The penalty of each resample is chosen on one draw of its folds: the resamples themselves
    average over the draws.

    Args:
        features: (n, n_features) of one network.
        target: Follow-up of the n patients.
        arms: (n,) each patient's arm.
        section: The protocol's section.
        n_resamples: How many resamples.
        seed: The study's seed.
        map: Runs the tasks, in order; the numbers are the same whatever runs them.
        on_progress: Called with the number of resamples done and of all resamples.
    """
    once = section.model_copy(update={"cv_repeats": 1})
    starts = range(0, n_resamples, RESAMPLES_A_TASK)
    tasks = [
        ResampleTask(
            features,
            target,
            arms,
            once,
            seed,
            tuple(range(start, min(start + RESAMPLES_A_TASK, n_resamples))),
        )
        for start in starts
    ]
    found: Selected = []
    for selected in map(select_in_resamples, tasks):
        found += selected
        if on_progress is not None:
            on_progress(len(found), n_resamples)
    signatures = [one for one in found if not isinstance(one, str)]
    return SelectionStability(
        n_resamples=n_resamples,
        n_selected=dict(sorted(Counter(one for each in signatures for one in each).items())),
        sizes=tuple(len(one) for one in signatures),
        failures=dict(Counter(one for one in found if isinstance(one, str))),
    )


def select_in_resamples(task: ResampleTask) -> Selected:
    """The features that the signature of each resample selects."""
    found: Selected = []
    for number in task.numbers:
        rng = np.random.default_rng(step_seed(task.seed, f"signature resample {number}"))
        rows = _resample(task.arms, rng)
        try:
            signature = fit_signature(
                task.features[rows],
                task.target.subset(rows),
                task.arms[rows],
                section=task.section,
                network_id=f"resample {number}",
                rng=rng,
                units=rows,
            )
        except (FitFailed, NoEventsInArm) as error:
            found.append(str(error))
            continue
        found.append(signature.feature_indices)
    return found


def _resample(arms: NDArray[np.str_], rng: np.random.Generator) -> IntArray:
    """Rows (n,) drawn with replacement within each arm."""
    members = [np.flatnonzero(arms == arm) for arm in np.unique(arms)]
    return np.concatenate([rng.choice(rows, rows.size) for rows in members])
