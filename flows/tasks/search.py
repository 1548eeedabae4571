"""Step `search`: Ray Tune over the backbones, and the choice among them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pandas as pd

from components.cohort.endpoint import survival_target
from components.networks.accuracy_choice import UnseenPatients, choose_by_test_accuracy
from components.networks.pruning import keep_networks_of
from components.networks.selection import choose
from components.networks.training import plan_training
from components.networks.training_set import TrainingSet
from components.platform.search import run_search
from components.platform.search_methods import epochs_at_most
from components.study.protocol import Protocol
from components.study.vocabulary import Split
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.tasks.crops import load_crops
from flows.tasks.search_runs import SearchRuns
from flows.terminal import current_display


@step_task
def search_backbones(
    step: str,
    key: str,
    *,
    cohort: Result,
    crops: Result,
    protocol: Protocol,
    storage: Path,
    shared: str | None,
    session: Callable[[], AbstractContextManager[None]],
    runs: Callable[..., SearchRuns],
    on_test_reading: Callable[[str], object],
) -> Result:
    """All trials, and the backbone and configuration that go on.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        crops: Result of step `crops`.
        protocol: The science.
        storage: Folder of the trials' states.
        shared: Where a cluster's nodes keep them while the search runs.
        session: Opens Ray.
        runs: Makes the listener that writes MLflow's runs and moves the bar.
        on_test_reading: Told of each reading of the test patients; sound protocols have none here.
    """
    del step, key
    display = current_display()
    with display.step("Backbone search") as progress:
        table = read_cohort(cohort)
        patients = training_set(table, crops)
        listener = runs(progress=progress)
        listener.total_epochs = len(protocol.backbone.names) * epochs_at_most(protocol.search)
        with session():
            found = run_search(
                patients,
                search=protocol.search,
                backbone=protocol.backbone,
                label=protocol.label,
                evaluation=protocol.evaluation,
                seed=protocol.study.seed,
                storage=storage,
                shared=shared,
                listener=listener,
            )
        choice = choose(
            found,
            patients.target,
            patients.arms,
            label=protocol.label,
            evaluation=protocol.evaluation,
            backbone=protocol.backbone,
        )
        if protocol.backbone.selection == "test_accuracy":
            choice = choose_by_test_accuracy(
                choice,
                patients,
                _test_patients(table, crops),
                label=protocol.label,
                evaluation=protocol.evaluation,
                plan=plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed),
                on_test_reading=on_test_reading,
            )
        found = keep_networks_of(found, choice.configuration)
        progress.note = f"{len(found.trials)} trials, chosen: {choice.configuration.key}"
    return {
        "search": found.model_dump(mode="json", by_alias=True),
        "choice": choice.model_dump(mode="json", by_alias=True),
    }


def _test_patients(table: pd.DataFrame, crops: Result) -> UnseenPatients:
    test = table[table["split"] == Split.TEST.value]
    return UnseenPatients(
        crops=load_crops(crops, list(test.index)),
        target=survival_target(test),
        arms=test["arm"].to_numpy(dtype=np.str_),
    )


def training_set(table: pd.DataFrame, crops: Result) -> TrainingSet:
    """The training patients of a cohort, in its order."""
    train = table[table["split"] == Split.TRAIN.value]
    return TrainingSet(
        patient_ids=tuple(train.index),
        crops=load_crops(crops, list(train.index)),
        target=survival_target(train),
        arms=train["arm"].to_numpy(dtype=np.str_),
        fold_of=train["fold"].to_numpy(dtype=np.int64),
    )
