"""The search for a backbone: Ray Tune runs the trials, `search_methods` says which go on.

Ray starts, pauses and brings back trials; what they have reached they keep themselves, in files
that follow from the seed (`components.networks.trial`). So a search that was cut off is simply run
again: finished trials report at once, the others go on from where they were, and Ray's own record
of the search, which a crash can leave behind the truth, is never asked.
"""

import hashlib
import logging
import os
import shutil
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import ray
from numpy.typing import NDArray
from ray import tune

from components.errors import ArmwiseError, PlatformError
from components.networks.device import set_libraries_aside
from components.networks.frozen_trunk import frozen_adaptations
from components.networks.initialization import prepare_weights
from components.networks.labels import fold_lessons
from components.networks.losses import loss_adaptations
from components.networks.records import Configuration, EpochMetrics, SearchResult, TrialResult
from components.networks.shared_states import SharedStates
from components.networks.training import gpus_of_trial, plan_training, precision_adaptations
from components.networks.training_set import TrainingSet
from components.networks.trial import (
    SearchTask,
    TrialState,
    read_state,
    run_trial,
    settle_trial,
    trial_folder,
)
from components.networks.trunk_features import all_trunk_features
from components.networks.tuning import plan_tuning
from components.networks.weight_files import starting_weights
from components.platform.asha_scheduler import comparable_target
from components.platform.faults import disk_full, is_disk_full
from components.platform.halving_scheduler import Relay
from components.platform.search_cluster import filesystem_for_ray, require_seen_by_all_nodes
from components.platform.search_methods import Configurations, ladder_of, method_adaptations
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.evaluation import EvaluationSection
from components.study.protocol.label import LabelSection
from components.study.protocol.search import SearchSection

_LOGGER = logging.getLogger(__name__)

STATE_VERSION = 1
"""Of what a trial keeps; states of another version are not taken up again."""

_ENDING_S = 300
"""How long a trial's thread may take to leave its process to the next trial; Ray's own limit of two
seconds is too short for a busy machine, and counts as a failure of the next trial."""


class TrialListener(Protocol):
    """Hears of the search in the driver's process, for progress and for MLflow.

    A search that is taken up again tells everything anew: a listener finds its runs by
    `configuration.key`, it does not open them twice.
    """

    def on_epoch(self, configuration: Configuration, metrics: EpochMetrics) -> None:
        """A trial has finished an epoch."""

    def on_end(self, result: TrialResult) -> None:
        """A trial has finished or has lost."""


def run_search(
    patients: TrainingSet,
    *,
    search: SearchSection,
    backbone: BackboneSection,
    label: LabelSection,
    evaluation: EvaluationSection,
    seed: int,
    storage: Path,
    listener: TrialListener,
    shared: str | None = None,
) -> SearchResult:
    """Train the configurations of all backbones by `search.method`, in the running Ray session.

    Args:
        patients: The training patients.
        search: Protocol section.
        backbone: Protocol section.
        label: Protocol section.
        evaluation: Protocol section.
        seed: The study's.
        storage: Folder for the trials' states. The same search there is taken up again; another
            one gets its own place. On a cluster all nodes see it, unless there is `shared`.
        listener: Hears of epochs and ends.
        shared: Folder or URL (fsspec's) that all nodes of a cluster see: states are kept there
            while the search runs, brought to `storage`, and removed at its end.

    Raises:
        UsageError: A weights file is missing.
        IntegrityError: A weights file is not what it should be.
        FitFailed: A fold has one label only, or no arm has an estimable horizon.
        PlatformError: Ray has not been started, a node does not see the storage, or a trial failed
            more often than it may.
    """
    _require_ready(backbone, shared or str(storage.resolve()), is_shared=shared is not None)
    configurations = Configurations(search, backbone, seed)
    plan = plan_training(search, backbone, seed=seed)
    target, arms = patients.target, patients.arms
    tuning = plan_tuning(target, arms, horizon_days=label.horizon_days, evaluation=evaluation)
    texts = [repr(plan), *configurations.identity()]
    texts += [record.model_dump_json() for record in (label, tuning)]
    name = _fingerprint(patients, texts)
    task = SearchTask(
        patients=patients,
        lessons=fold_lessons(
            target, arms, fold_of=patients.fold_of, section=label, loss=backbone.loss
        ),
        tuning=tuning,
        plan=plan,
        rungs=ladder_of(search),
        folder=storage.resolve() / name,
        trunks=all_trunk_features(patients.crops, plan=plan, cache=storage.resolve() / "trunks"),
        shared=SharedStates(f"{shared.rstrip('/')}/{name}") if shared else None,
    )
    configurations.bring(task.folder, task.shared)
    _tune(task, configurations, search=search, listener=listener)
    _require_complete(task, configurations)
    trials = tuple(_settle(task, found) for found in configurations.known(task.folder))
    if task.shared is not None:
        task.shared.clear()
    return SearchResult(
        method=search.method,
        trials=trials,
        patient_ids=patients.patient_ids,
        fold_of=tuple(int(fold) for fold in patients.fold_of),
        total_epochs=plan.total_epochs,
        tuning=tuning,
        device=plan.device,
        mixed_precision=plan.mixed_precision,
        adaptations=(
            *tuning.adaptations,
            *precision_adaptations(plan),
            *frozen_adaptations(backbone),
            *method_adaptations(search),
            *loss_adaptations(backbone, search, label),
            *dict.fromkeys(said for trial in trials for said in trial.adaptations),
        ),
    )


def _require_ready(backbone: BackboneSection, place: str, *, is_shared: bool) -> None:
    if not ray.is_initialized():
        msg = "expected a running Ray session; open one with `ray_session`"
        raise PlatformError(msg)
    prepare_weights(backbone, backbone.names)
    weights = [starting_weights(backbone, name) for name in backbone.names]
    found = [one for one in weights if one is not None]
    require_seen_by_all_nodes(place, found, is_shared=is_shared)


def _fingerprint(patients: TrainingSet, texts: Sequence[str]) -> str:
    """Names a search by everything that a trial's numbers hang on."""
    digest = hashlib.sha256(f"{STATE_VERSION} {version('torch')}".encode())
    arrays: list[NDArray[Any]] = [patients.crops, patients.target.time_days]
    for array in (*arrays, patients.target.event, patients.fold_of):
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    digest.update("\n".join([*map(str, patients.arms), *patients.patient_ids, *texts]).encode())
    return digest.hexdigest()[:16]


def _kept(task: SearchTask, configurations: Configurations) -> dict[str, TrialState]:
    """What trials have reached, by key."""
    known = configurations.known(task.folder)
    if task.shared is not None:
        for found in known:
            task.shared.fetch(trial_folder(task.folder, found), found.key, with_weights=False)
    states = {found.key: read_state(trial_folder(task.folder, found)) for found in known}
    return {key: state for key, state in states.items() if state is not None}


def _require_complete(task: SearchTask, configurations: Configurations) -> None:
    """Refuses a search that ended before its method was through with it.

    Raises:
        PlatformError: A trial that is not out has not reached the last rung.
    """
    short = configurations.unfinished(task.folder, _kept(task, configurations))
    if short:
        msg = (
            f"the search ended before {', '.join(short)} had been trained to the end; what the "
            "trials have reached is kept: run it again"
        )
        raise PlatformError(msg)


def _settle(task: SearchTask, configuration: Configuration) -> TrialResult:
    return settle_trial(task.folder, configuration, last_rung=task.rungs[-1], shared=task.shared)


def _trial(config: dict[str, Any], *, task: SearchTask) -> None:
    """What Ray runs in a worker for each trial."""
    os.environ["TUNE_FUNCTION_THREAD_TIMEOUT_S"] = str(_ENDING_S)
    set_libraries_aside()
    configuration = Configuration.model_validate(config["configuration"])

    def report(history: tuple[EpochMetrics, ...]) -> None:
        rows = [metrics.model_dump(mode="json") for metrics in history]
        tune.report({"history": rows, **comparable_target(history)})

    run_trial(configuration, task, report=report)


def _tune(
    task: SearchTask,
    configurations: Configurations,
    *,
    search: SearchSection,
    listener: TrialListener,
) -> None:
    relay = Relay(listener.on_epoch, lambda found: listener.on_end(_settle(task, found)))
    lost = 0
    while (error := _tune_once(task, configurations, search=search, relay=relay)) is not None:
        if not relay.lost_on_the_way or lost == search.max_failures:
            _raise(error, attempts=search.max_failures + 1, storage=task.folder)
        lost += 1
        _LOGGER.warning(
            "a worker was lost when the next trial was handed to it (%s); the search goes on from "
            "what its trials have kept",
            type(error).__name__,
        )


def _tune_once(
    task: SearchTask, configurations: Configurations, *, search: SearchSection, relay: Relay
) -> Exception | None:
    """Ray's search from what the trials have kept; the error that ended it, if one did."""
    # What Ray writes of a search holds nothing that is needed after it.
    record, filesystem = str(task.folder / "ray"), None
    shutil.rmtree(record, ignore_errors=True)
    if task.shared is not None:
        record, filesystem = filesystem_for_ray(f"{task.shared.url}/ray")
    tune_config, space = configurations.for_ray(
        task.folder, _kept(task, configurations), shared=task.shared
    )
    tuner = tune.Tuner(
        tune.with_resources(
            tune.with_parameters(_trial, task=task),
            {"cpu": search.cpus_per_trial, "gpu": gpus_of_trial(search)},
        ),
        param_space=space,
        tune_config=tune_config,
        run_config=tune.RunConfig(
            name="search",
            storage_path=record,
            storage_filesystem=filesystem,
            verbose=0,
            failure_config=tune.FailureConfig(max_failures=search.max_failures),
            callbacks=[relay],
        ),
    )
    errors = [result.error for result in tuner.fit() if result.error is not None]
    shutil.rmtree(task.folder / "ray", ignore_errors=True)
    return errors[0] if errors else None


def _raise(error: Exception, *, attempts: int, storage: Path) -> None:
    cause = getattr(error, "cause", None)
    if isinstance(cause, ArmwiseError):
        raise cause from error
    if is_disk_full(error):
        raise disk_full(error, places=[storage]) from error
    msg = (
        f"a trial of the search failed {attempts} times ({type(error).__name__}: {error}); "
        "what the trials have reached is kept: run it again"
    )
    raise PlatformError(msg) from error
