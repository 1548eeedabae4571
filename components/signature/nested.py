"""Nested cross-validation of a signature whose features are given.

The honest figure takes every step that looks at patients (filters, screen, penalty, and the
penalty's own cross-validation) inside the training part of each outer fold. Beside it stand, on
the same folds, what a filter outside the folds would have shown, and the apparent figure.
Ambroise and McLachlan 2002, doi:10.1073/pnas.102102699; Varma and Simon 2006,
doi:10.1186/1471-2105-7-91.
"""

import builtins
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from components.errors import FitFailed, NoEventsInArm
from components.signature.nested_records import (
    FoldFigures,
    FoldOutcome,
    NestedPath,
    NestedSignature,
)
from components.signature.signature import Signature, filter_features, fit_signature
from components.study.protocol.signature import SignatureSection
from components.study.randomness import step_seed
from components.survival.concordance import concordance_within
from components.survival.folds import draw_folds, fold_strata
from components.survival.lasso_cox import by_death
from components.survival.target import BoolArray, FloatArray, IntArray, SurvivalTarget

_TABLE = "given features"
_NO_PAIR = "no two patients of the fold can be compared within an arm"

Way = tuple[str, Literal["honest", "leaky"]]
"""A path's name, and whether its filters stand inside the folds."""


@dataclass(frozen=True, eq=False)
class Patients:
    """Features (n, p), follow-up and arms (n,)."""

    features: FloatArray
    target: SurvivalTarget
    arms: NDArray[np.str_]

    def fit(self, section: SignatureSection, seed: np.random.SeedSequence) -> Signature:
        """Their signature."""
        return fit_signature(
            self.features,
            self.target,
            self.arms,
            section=section,
            network_id=_TABLE,
            rng=np.random.default_rng(seed),
        )

    def concordance(self, signature: Signature) -> float | None:
        """C of a signature over the pairs within arms."""
        return concordance_within(self.target, signature.apply(self.features), self.arms)

    def part(self, rows: BoolArray, columns: IntArray) -> "Patients":
        """Some of the patients, with some of the features."""
        return Patients(
            self.features[np.ix_(rows, columns)], self.target.subset(rows), self.arms[rows]
        )


@dataclass(frozen=True, eq=False)
class Candidate:
    """What is fitted in each fold: a section, and the columns that it may see."""

    section: SignatureSection
    columns: IntArray


@dataclass(frozen=True, eq=False)
class NestedFold:
    """What the fits of one fold need; it can be sent to another process."""

    patients: Patients
    held_out: BoolArray
    candidates: Mapping[Way, Candidate]
    seed: np.random.SeedSequence


FoldResult = dict[Way, FoldOutcome]
# How folds are run: `builtins.map`, or a pool's.
NestedMap = Callable[
    [Callable[[NestedFold], FoldResult], Iterable[NestedFold]], Iterable[FoldResult]
]


def nested_signature(
    features: FloatArray,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    *,
    paths: Mapping[str, SignatureSection],
    n_folds: int,
    n_repeats: int,
    seed: int,
    level: float = 0.95,
    map: NestedMap = builtins.map,  # noqa: A002 -- as in lasso_cox
    on_progress: Callable[[int, int], None] | None = None,
) -> NestedSignature:
    """Honest, leaky and apparent C of the signature by each path, all on the same folds.

    Args:
        features: (n, p), taken as they are: what made them is not cross-validated.
        target: Follow-up of the n patients.
        arms: (n,) each patient's arm; C counts the pairs within arms.
        paths: Protocol sections by name.
        n_folds: Outer folds, drawn by arm and death.
        n_repeats: Draws of the outer folds.
        seed: The study's seed.
        level: Confidence level.
        map: Runs the folds, in order; the numbers are the same whatever runs them.
        on_progress: Called with the number of folds done and of all folds.

    Raises:
        FitFailed: A feature is not finite, or all patients together have too few deaths.
        UsageError: There are fewer patients than folds.
    """
    everyone = Patients(np.asarray(features, dtype=np.float64), target, arms)
    candidates = {
        way: candidate
        for name, section in paths.items()
        for way, candidate in _candidates(name, section, everyone).items()
    }
    strata = fold_strata(by_death(arms, target), n_folds=n_folds)
    tasks = _tasks(
        everyone, candidates, strata.numbers, n_folds=n_folds, n_repeats=n_repeats, seed=seed
    )
    results: list[FoldResult] = []
    for result in map(run_fold, tasks):
        results.append(result)
        if on_progress is not None:
            on_progress(len(results), len(tasks))
    figures = {
        way: FoldFigures.of(
            [outcome[way] for outcome in results], target, n_folds=n_folds, level=level
        )
        for way in candidates
    }
    names, counts = np.unique(arms, return_counts=True)
    return NestedSignature(
        paths={
            name: _path(
                everyone.fit(section, step_seed(seed, "nested apparent")),
                everyone,
                honest=figures[name, "honest"],
                leaky=figures.get((name, "leaky")),
            )
            for name, section in paths.items()
        },
        n_by_arm=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        n=target.n,
        n_events=target.n_events,
        n_folds=n_folds,
        n_repeats=n_repeats,
        level=level,
        seed=seed,
        merged_strata=strata.merged,
    )


def _candidates(name: str, section: SignatureSection, everyone: Patients) -> dict[Way, Candidate]:
    """A path as it is to be judged; where it has a screen, also with its filters outside.

    Without a screen nothing outside the folds would look at the outcome: there is no leak to show.
    """
    everything = np.arange(everyone.features.shape[1])
    found: dict[Way, Candidate] = {(name, "honest"): Candidate(section, everything)}
    if section.screen_p_value is not None:
        _, screened = filter_features(
            everyone.features,
            everyone.target,
            everyone.arms,
            section=section,
            network_id=_TABLE,
        )
        unfiltered = {"screen_p_value": None, "maximum_correlation": 1.0}
        found[name, "leaky"] = Candidate(section.model_copy(update=unfiltered), screened)
    return found


def _tasks(
    everyone: Patients,
    candidates: Mapping[Way, Candidate],
    strata: IntArray,
    *,
    n_folds: int,
    n_repeats: int,
    seed: int,
) -> list[NestedFold]:
    """The folds of all draws, within strata (n,)."""
    tasks = []
    for draw in range(n_repeats):
        rng = np.random.default_rng(step_seed(seed, f"nested folds {draw}"))
        fold_of = draw_folds(strata, n_folds=n_folds, rng=rng)
        tasks += [
            NestedFold(
                everyone, fold_of == fold, candidates, step_seed(seed, f"nested {draw} {fold}")
            )
            for fold in range(n_folds)
        ]
    return tasks


def run_fold(fold: NestedFold) -> FoldResult:
    """Fits every candidate to the others and judges it in the fold's own patients."""
    outcomes = {}
    for way, candidate in fold.candidates.items():
        train = fold.patients.part(~fold.held_out, candidate.columns)
        judged = fold.patients.part(fold.held_out, candidate.columns)
        try:
            signature = train.fit(candidate.section, fold.seed)
        except (FitFailed, NoEventsInArm) as error:
            outcomes[way] = FoldOutcome(None, why=str(error))
            continue
        c = judged.concordance(signature)
        why = _NO_PAIR if c is None else None
        outcomes[way] = FoldOutcome(c, is_null=signature.is_null, why=why)
    return outcomes


def _path(
    signature: Signature, everyone: Patients, *, honest: FoldFigures, leaky: FoldFigures | None
) -> NestedPath:
    return NestedPath(
        honest=honest,
        leaky=leaky,
        apparent=everyone.concordance(signature),
        n_features_in=signature.n_features_in,
        n_after_correlation=signature.n_after_correlation,
        n_after_screen=signature.n_after_screen,
        n_selected=len(signature.feature_indices),
    )
