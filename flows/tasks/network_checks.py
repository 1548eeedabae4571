"""Step `network_checks`: the honest figure of the search, and how much of it hangs on the seed."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from components.networks.honesty_records import NestedNetworks, NetworkChecks, SeedSpread
from components.networks.nested import nested_networks
from components.networks.seeds import seed_spread
from components.networks.training import gpus_of_trial, plan_training
from components.networks.training_set import TrainingSet
from components.platform.compute import ray_map
from components.study.protocol import NestedNetworksSection, Protocol
from components.study.results import Adaptation
from flows.search_result import read_search
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.tasks.search import training_set
from flows.terminal import current_display

Progress = Callable[[int, int], None]


@step_task
def check_networks(
    step: str,
    key: str,
    *,
    cohort: Result,
    crops: Result,
    search: Result,
    protocol: Protocol,
    session: Callable[[], AbstractContextManager[None]],
) -> Result:
    """Nested cross-validation of the networks and other seeds, as far as the protocol asks for it.

    The test patients have no part in it.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        crops: Result of step `crops`.
        search: Result of step `search`.
        protocol: The science.
        session: Ray for as long as it is needed.
    """
    del step, key
    evaluation = protocol.evaluation
    with current_display().step("Checks of the networks") as progress:
        skipped = _skipped(protocol)
        section = None if skipped else evaluation.nested_networks
        if section is None and evaluation.network_seeds == 1:
            none = "the protocol asks for none"
            progress.note = "no GPU: left out, as the protocol asks" if skipped else none
            return _result(NetworkChecks(), skipped)
        patients = training_set(read_cohort(cohort), crops)
        nested = seeds = None
        with session():
            if section is not None:
                nested = _nested(
                    patients,
                    section,
                    protocol,
                    lambda done, total: progress.update(done, total, "outer folds"),
                )
                progress.note = f"honest figure {nested.estimate.text()}"
            if evaluation.network_seeds > 1:
                seeds = _seeds(
                    patients,
                    search,
                    protocol,
                    lambda done, total: progress.update(done, total, "other seeds"),
                )
    return _result(NetworkChecks(nested=nested, seeds=seeds), [*skipped, *_merged(nested)])


def _result(checks: NetworkChecks, said: list[Adaptation]) -> Result:
    return {"checks": checks.to_json(), "adaptations": [one.model_dump() for one in said]}


def _skipped(protocol: Protocol) -> list[Adaptation]:
    """What is to be said where the protocol leaves out the nested folds on a machine like this."""
    section = protocol.evaluation.nested_networks
    on_gpu = gpus_of_trial(protocol.search) > 0
    if section is None or section.when == "always" or on_gpu:
        return []
    return [
        Adaptation(
            step="network_checks",
            asked="repeated nested cross-validation of the networks",
            done="left out: the backbones' figures are selected, and none of them is honest",
            why="evaluation.nested_networks.when is gpu, and the networks are trained on a CPU",
        )
    ]


def _nested(
    patients: TrainingSet,
    section: NestedNetworksSection,
    protocol: Protocol,
    on_progress: Progress,
) -> NestedNetworks:
    return nested_networks(
        patients,
        section=section,
        search=protocol.search,
        backbone=protocol.backbone,
        label=protocol.label,
        evaluation=protocol.evaluation,
        seed=protocol.study.seed,
        map=_trial_map(protocol),
        on_progress=on_progress,
    )


def _trial_map(protocol: Protocol) -> Callable[..., Iterator[Any]]:
    """Ray's map, each call with what a trial of the search occupies."""
    search = protocol.search
    return partial(ray_map, num_cpus=search.cpus_per_trial, num_gpus=gpus_of_trial(search))


def _seeds(
    patients: TrainingSet, search: Result, protocol: Protocol, on_progress: Progress
) -> SeedSpread:
    found, choice = read_search(search)
    trial = next(one for one in found.trials if one.configuration == choice.configuration)
    return seed_spread(
        patients,
        choice.configuration,
        trial.tuning_target,
        n_seeds=protocol.evaluation.network_seeds,
        tuning=found.tuning,
        label=protocol.label,
        plan=plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed),
        map=_trial_map(protocol),
        on_progress=on_progress,
    )


def _merged(nested: NestedNetworks | None) -> list[Adaptation]:
    if nested is None or not nested.merged_strata:
        return []
    return [
        Adaptation(
            step="network_checks",
            asked=f"{nested.n_folds} outer folds by arm and label",
            done=f"strata {'; '.join(nested.merged_strata)} merged",
            why=f"each has fewer than {nested.n_folds} patients",
        )
    ]
