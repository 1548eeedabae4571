"""A trial of the search: a configuration trained from rung to rung, kept on disk between them.

What a trial has reached stands in its folder, whole or not at all, and follows from the seed
alone. So whoever trains it next, after a pause or a kill, on this machine or another that sees the
folder, goes on from there and ends with the same numbers.
"""

import logging
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from components.errors import IntegrityError
from components.networks.crossvalidation import CrossValidation, start_crossvalidation
from components.networks.device import release_memory, training_thread
from components.networks.labels import Lesson
from components.networks.records import Configuration, EpochMetrics, TrialResult, TuningPlan
from components.networks.shared_states import SharedStates
from components.networks.training import TrainingPlan
from components.networks.training_set import TrainingSet
from components.networks.trunk_features import network_inputs
from components.networks.tuning import arm_figures, mean_figure
from components.study.files import written_whole
from components.study.results import Adaptation, ArtifactRef, Record
from components.survival.target import FloatArray

_LOGGER = logging.getLogger(__name__)

_SAVE_EVERY_S = 60
"""A killed trial loses no more training than this and one epoch."""


@dataclass(frozen=True, eq=False)
class SearchTask:
    """What all trials of a search share: the patients, the plan, and where states are kept.

    `trunks` are the features (n, F) of each backbone's frozen trunk, where one is asked for. States
    are kept in `folder`; with `shared` they are brought there from wherever a trial is trained.
    """

    patients: TrainingSet
    lessons: tuple[Lesson, ...]
    tuning: TuningPlan
    plan: TrainingPlan
    rungs: tuple[int, ...]
    folder: Path
    trunks: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    shared: SharedStates | None = None


class TrialState(Record):
    """`state.json`: how far a trial is. `weights` names the folder of its networks, if kept.

    A trial that is `stopped` is out for good: its networks are gone.
    """

    configuration: Configuration
    epochs_done: int
    history: tuple[EpochMetrics, ...]
    oof_scores: tuple[float | None, ...]
    weights: str | None
    stopped: bool = False
    stopped_epochs: tuple[int, ...] = ()
    initialization: str | None = None
    adaptations: tuple[Adaptation, ...] = ()


def trial_folder(task_folder: Path, configuration: Configuration) -> Path:
    """Where a trial keeps its state."""
    return task_folder / "trials" / configuration.key


def read_state(folder: Path) -> TrialState | None:
    """What a trial has reached; None if it has not been begun, or its state cannot be read."""
    try:
        return TrialState.from_json((folder / "state.json").read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError:
        _LOGGER.warning("%s is damaged; the trial starts again", folder / "state.json")
        return None


def run_trial(
    configuration: Configuration,
    task: SearchTask,
    *,
    report: Callable[[tuple[EpochMetrics, ...]], None],
) -> None:
    """Train a configuration to the last rung; `report` gets the whole history after each epoch.

    `report` may raise to end the trial early: what is due to be kept is kept before.
    A trial that has begun before reports what it has and goes on from there.

    Raises:
        UsageError: An ImageNet file is missing.
        IntegrityError: An ImageNet file is not what it should be.
    """
    release_memory()
    if task.shared is None:
        _run_in(trial_folder(task.folder, configuration), configuration, task, report=report)
        return
    with tempfile.TemporaryDirectory(prefix="armwise-trial-") as folder:
        task.shared.fetch(Path(folder), configuration.key, with_weights=True)
        _run_in(Path(folder), configuration, task, report=report)


def _run_in(
    folder: Path,
    configuration: Configuration,
    task: SearchTask,
    *,
    report: Callable[[tuple[EpochMetrics, ...]], None],
) -> None:
    state = read_state(folder)
    if state is not None:
        report(state.history)
        if state.epochs_done >= task.rungs[-1]:
            return
    with training_thread(task.plan.n_threads):
        run, history = _resume(configuration, task, folder, state)
        try:
            _train_on(run, history, task, folder=folder, report=report)
        finally:
            # A trial is paused by an exception, and whoever keeps its traceback keeps this frame.
            run.learners = ()


def _train_on(
    run: CrossValidation,
    history: tuple[EpochMetrics, ...],
    task: SearchTask,
    *,
    folder: Path,
    report: Callable[[tuple[EpochMetrics, ...]], None],
) -> None:
    kept_at = time.monotonic()
    while run.epochs_done < task.rungs[-1]:
        began = time.monotonic()
        loss = run.train_epoch()
        scores = run.scores()
        _say_if_diverged(run, loss, before=history)
        history = (*history, _metrics(run.epochs_done, loss, scores, task, began=began))
        if run.epochs_done in task.rungs or time.monotonic() - kept_at > _SAVE_EVERY_S:
            _keep(run, folder, history, scores, to_continue=run.epochs_done < task.rungs[-1])
            if task.shared is not None:
                task.shared.push(folder, run.configuration.key)
            kept_at = time.monotonic()
        report(history)


def _say_if_diverged(
    run: CrossValidation, loss: float, *, before: tuple[EpochMetrics, ...]
) -> None:
    """Once, when it happens: such a trial has no figures from then on and loses to every other."""
    if not math.isfinite(loss) and (not before or before[-1].train_loss is not None):
        _LOGGER.warning(
            "%s diverged in epoch %d (learning rate %.2e): its loss is no longer a number; it "
            "loses to every other trial",
            run.configuration.key,
            run.epochs_done,
            run.configuration.learning_rate,
        )


def _resume(
    configuration: Configuration, task: SearchTask, folder: Path, state: TrialState | None
) -> tuple[CrossValidation, tuple[EpochMetrics, ...]]:
    run = start_crossvalidation(
        configuration,
        crops=network_inputs(
            configuration.backbone, task.patients.crops, plan=task.plan, trunks=task.trunks
        ),
        fold_of=task.patients.fold_of,
        lessons=task.lessons,
        plan=task.plan,
    )
    if state is None or state.weights is None:
        return run, ()
    try:
        run.load(folder / state.weights, epochs_done=state.epochs_done)
        run.said_before = state.adaptations
    except IntegrityError as error:
        _LOGGER.warning("%s starts again: %s", configuration.key, error)
        (folder / "state.json").unlink(missing_ok=True)
        return _resume(configuration, task, folder, None)
    return run, state.history


def _metrics(
    epoch: int, loss: float, scores: FloatArray, task: SearchTask, *, began: float
) -> EpochMetrics:
    if not np.all(np.isfinite(scores)):
        values = dict.fromkeys(task.tuning.arms)
        mean = None
    else:
        target, arms = task.patients.target, task.patients.arms
        figures = arm_figures(task.tuning, target, arms, scores, level=0.95)
        values = {arm: figure.value for arm, figure in figures.items()}
        mean = mean_figure(list(figures.values()))
    return EpochMetrics(
        epoch=epoch,
        train_loss=loss if math.isfinite(loss) else None,
        tuning_target=mean,
        arms=values,
        seconds=time.monotonic() - began,
    )


def _keep(
    run: CrossValidation,
    folder: Path,
    history: tuple[EpochMetrics, ...],
    scores: FloatArray,
    *,
    to_continue: bool,
) -> None:
    """Write the state: weights first, then the JSON that names them, then drop the older ones."""
    name = f"epoch-{run.epochs_done:04d}"
    run.save(folder / name, to_continue=to_continue)
    state = TrialState(
        configuration=run.configuration,
        epochs_done=run.epochs_done,
        history=history,
        oof_scores=tuple(float(s) if np.isfinite(s) else None for s in scores),
        weights=name,
        stopped_epochs=run.stopped_epochs,
        initialization=run.learners[0].initialization,
        adaptations=run.adaptations(),
    )
    _write_state(state, folder)
    _drop_weights(folder, keep=name)


def _write_state(state: TrialState, folder: Path) -> None:
    with written_whole(folder / "state.json") as partial:
        partial.write_text(state.to_json(), encoding="utf-8")


def _drop_weights(folder: Path, *, keep: str | None) -> None:
    for old in folder.glob("epoch-*"):
        if old.name != keep:
            shutil.rmtree(old, ignore_errors=True)


def settle_trial(
    task_folder: Path,
    configuration: Configuration,
    *,
    last_rung: int,
    shared: SharedStates | None = None,
) -> TrialResult:
    """The result of a trial that will not be trained further; a stopped one's weights go.

    With `shared` a finished trial's networks are brought here from there.

    Raises:
        IntegrityError: The trial has left no state.
    """
    folder = trial_folder(task_folder, configuration)
    if shared is not None:
        shared.fetch(folder, configuration.key, with_weights=False)
    state = read_state(folder)
    if state is None:
        msg = f"expected the state of {configuration.key} in {folder}, found none; search again"
        raise IntegrityError(msg)
    is_finished = state.epochs_done >= last_rung
    networks: tuple[ArtifactRef, ...] = ()
    if is_finished and state.weights is not None:
        if shared is not None:
            shared.fetch(folder, configuration.key, with_weights=True)
        files = sorted((folder / state.weights).glob("fold-*.safetensors"), key=_fold_number)
        networks = tuple(ArtifactRef.of(path) for path in files)
    else:
        # Stopped first: cut off in between, no trial goes on without its networks.
        _write_state(state.model_copy(update={"stopped": True}), folder)
        _drop_weights(folder, keep=None)
        if shared is not None:
            shared.push(folder, configuration.key)
    return TrialResult(
        configuration=configuration,
        status="finished" if is_finished else "stopped",
        epochs_done=state.epochs_done,
        history=state.history,
        seconds=math.fsum(epoch.seconds for epoch in state.history),
        oof_scores=state.oof_scores,
        fold_networks=networks,
        stopped_epochs=state.stopped_epochs,
        initialization=state.initialization,
        adaptations=state.adaptations,
    )


def _fold_number(path: Path) -> int:
    return int(path.stem.rpartition("-")[2])
