"""Optimism of the models by bootstrap of signature and Cox models, the features given.

Patients are drawn with replacement within their arm, the whole path is gone in each resample, and
its models are judged in the resample and in the patients themselves: the mean difference is the
optimism of the apparent figure (Harrell, Lee and Mark 1996,
doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4). Beside the corrected C stands
the .632+ estimate by the patients that a resample leaves out (Efron and Tibshirani 1997,
doi:10.1080/01621459.1997.10474007), which holds better where a model remembers its patients.
"""

import builtins
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from components.arms.optimism_estimates import Resampled, Sample, as_array, corrected_figure
from components.arms.optimism_figures import Figures, Judged, figures_of
from components.arms.optimism_records import CorrectedFigure, Optimism
from components.arms.whole_path import (
    FittedPath,
    PathPatients,
    WholePath,
    fit_path,
    with_scores,
)
from components.errors import DataError
from components.study.protocol import EvaluationSection, StudySection
from components.study.randomness import step_seed
from components.study.vocabulary import ModelKind, TreatmentArm
from components.survival.target import IntArray

# A task carries the features with it: one for each resample would send them far too often.
_RESAMPLES_A_TASK = 5


@dataclass(frozen=True, eq=False)
class ResampleFigures:
    """Figures of one resample's models in the resample, in all patients, in those left out.

    `failure` says why there are none.
    """

    resample: Figures = field(default_factory=dict)
    original: Figures = field(default_factory=dict)
    left_out: Figures = field(default_factory=dict)
    is_null: bool = False
    failure: str | None = None


@dataclass(frozen=True, eq=False)
class OptimismTask:
    """Some resamples by their numbers, and what they need; it can be sent to another process."""

    patients: PathPatients
    path: WholePath
    judged: Mapping[TreatmentArm, Judged]
    seed: int
    numbers: tuple[int, ...]


# How tasks are run: `builtins.map`, Ray's or a pool's.
OptimismMap = Callable[
    [Callable[[OptimismTask], list[ResampleFigures]], Iterable[OptimismTask]],
    Iterable[list[ResampleFigures]],
]


def bootstrap_optimism(
    patients: PathPatients,
    path: WholePath,
    own: FittedPath,
    *,
    evaluation: EvaluationSection,
    study: StudySection,
    n_resamples: int,
    map: OptimismMap = builtins.map,  # noqa: A002 -- as in lasso_cox
    on_progress: Callable[[int, int], None] | None = None,
) -> Optimism:
    """The corrected figures of the run's models; the same numbers whatever `map` runs it.

    C (Harrell's, Uno's), calibration slope and Brier scores at the horizons that the arm's patients
    can speak of.

    Args:
        patients: The training patients of all arms; without features the models are clinical.
        path: What is fitted in each resample.
        own: The run's own signature and models.
        evaluation: Confidence level and horizon rule.
        study: The horizons and the seed.
        n_resamples: How often patients are drawn.
        map: Runs the tasks, in order.
        on_progress: Called with the number of resamples done and of all.
    """
    judged = {
        arm: Judged.of(patients.table.iloc[patients.of_arm(arm)], evaluation, study)
        for arm in patients.arms
    }
    tasks = [
        OptimismTask(patients, path, judged, study.seed, tuple(range(n_resamples)[at:until]))
        for at in range(0, n_resamples, _RESAMPLES_A_TASK)
        for until in [at + _RESAMPLES_A_TASK]
    ]
    found: list[ResampleFigures] = []
    for done in map(run_resamples, tasks):
        found += done
        if on_progress is not None:
            on_progress(len(found), n_resamples)
    nomogram = ModelKind.CLINICAL if own.signature is None else ModelKind.COMBINED
    return Optimism(
        n_resamples=n_resamples,
        has_signature=own.signature is not None,
        n_null=sum(one.is_null for one in found),
        failures=dict(Counter(one.failure for one in found if one.failure is not None)),
        nomogram_kinds=dict.fromkeys(patients.arms, nomogram),
        figures=_corrected(
            _judge(patients, own, judged), found, own, judged, level=evaluation.confidence_level
        ),
    )


def _corrected(
    apparent: Figures,
    found: Sequence[ResampleFigures],
    own: FittedPath,
    judged: Mapping[TreatmentArm, Judged],
    *,
    level: float,
) -> tuple[CorrectedFigure, ...]:
    figures = []
    for key, value in apparent.items():
        arm, kind, estimator = key
        model = own.models[arm].models[kind]
        resampled = Resampled(
            resample=as_array([one.resample.get(key) for one in found]),
            original=as_array([one.original.get(key) for one in found]),
            left_out=as_array([one.left_out.get(key) for one in found]),
        )
        figures.append(
            corrected_figure(
                key,
                value,
                resampled,
                Sample(model.n, model.n_events, level, judged[arm].horizon_of[estimator]),
            )
        )
    return tuple(figures)


def run_resamples(task: OptimismTask) -> list[ResampleFigures]:
    """The figures of the task's resamples, computed on one thread: sums then have one order."""
    with threadpool_limits(1):
        return [_run_resample(task, number) for number in task.numbers]


def _run_resample(task: OptimismTask, number: int) -> ResampleFigures:
    drawn, seed = draw_resample(task.patients, seed=task.seed, number=number)
    resample = task.patients.rows(drawn)
    left_out = task.patients.rows(np.setdiff1d(np.arange(len(task.patients.table)), drawn))
    try:
        fitted = fit_path(resample, task.path, seed=seed)
    except DataError as error:
        return ResampleFigures(failure=str(error))
    return ResampleFigures(
        resample=_judge(resample, fitted, task.judged),
        original=_judge(task.patients, fitted, task.judged),
        left_out=_judge(left_out, fitted, task.judged),
        is_null=fitted.is_null,
    )


def draw_resample(patients: PathPatients, *, seed: int, number: int) -> tuple[IntArray, int]:
    """Row numbers drawn with replacement within each arm, and the seed of all that follows."""
    sequence = step_seed(seed, f"optimism resample {number}")
    rng = np.random.default_rng(sequence)
    arms = [patients.of_arm(arm) for arm in patients.arms]
    drawn = np.concatenate([rng.choice(rows, rows.size) for rows in arms])
    return drawn, int(sequence.generate_state(1)[0])


def _judge(
    patients: PathPatients, fitted: FittedPath, judged: Mapping[TreatmentArm, Judged]
) -> Figures:
    table = with_scores(patients, fitted.signature)
    found: Figures = {}
    for arm, models in fitted.models.items():
        found |= figures_of(models, table.iloc[patients.of_arm(arm)], judged[arm])
    return found
