"""Step `nested`: what the features are worth, by nested cross-validation of the whole path."""

import builtins
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import numpy as np
from threadpoolctl import threadpool_limits

from components.cohort.endpoint import survival_target
from components.errors import UsageError
from components.networks.feature_table import read_features
from components.signature.nested import NestedMap, nested_signature
from components.signature.nested_records import NestedSignature
from components.study.protocol import Protocol, SignatureSection
from components.study.results import Adaptation, ArtifactRef
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display

# Below this many folds the processes take longer to start than they save.
_FOLDS_WORTH_A_POOL = 10


@step_task
def judge_features(
    step: str,
    key: str,
    *,
    cohort: Result,
    features: Result,
    protocol: Protocol,
    beside: Mapping[str, SignatureSection],
    workers: int,
    on_test_reading: Callable[[str], object],
) -> Result:
    """The honest, the leaky and the apparent C of a signature of given features.

    All patients with features take part, those of the test set too: each is judged by signatures
    that have not seen them, and nothing is chosen by the figures.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        features: Result of step `features`.
        protocol: The science; its own path stands first, under the profile's name.
        beside: Signature sections of other protocols by name, judged on the same folds.
        workers: How many processes may work side by side.
        on_test_reading: Told that the test patients' outcomes are being read.

    Raises:
        UsageError: The protocol asks for no nested cross-validation.
    """
    del step, key
    section = protocol.evaluation.nested
    if section is None:
        msg = "evaluation.nested: expected folds and repeats, came null; the step is not to be run"
        raise UsageError(msg)
    on_test_reading("nested cross-validation of the signature")
    with current_display().step("Nested cross-validation") as progress:
        patients, values = read_features(ArtifactRef.model_validate(features["features"]["table"]))
        # In the order of their pseudonyms: who is a test patient must not move the folds.
        rows = np.argsort(patients)
        table = read_cohort(cohort).loc[[patients[row] for row in rows]]
        with _fold_map(workers, section.folds * section.repeats) as fold_map:
            nested = nested_signature(
                values[rows].astype(np.float64),
                survival_target(table),
                table["arm"].to_numpy(dtype=np.str_),
                paths={protocol.profile: protocol.signature, **beside},
                n_folds=section.folds,
                n_repeats=section.repeats,
                seed=protocol.study.seed,
                level=protocol.evaluation.confidence_level,
                map=fold_map,
                on_progress=lambda done, total: progress.update(done, total, "folds"),
            )
        honest = next(iter(nested.paths.values())).honest.estimate
        progress.note = f"honest C {honest.text()}"
    merged = [
        Adaptation(
            step="nested",
            asked=f"{section.folds} outer folds by arm and death",
            done=f"strata {'; '.join(nested.merged_strata)} merged",
            why=f"each has fewer than {section.folds} patients",
        )
        for _ in nested.merged_strata[:1]
    ]
    return {"nested": nested.to_json(), "adaptations": [said.model_dump() for said in merged]}


def read_nested(results: Mapping[str, Result]) -> NestedSignature | None:
    """The record of the step among a run's results, where it was run."""
    found = results.get("nested")
    return None if found is None else NestedSignature.from_json(found["nested"])


@contextmanager
def _fold_map(workers: int, n_folds: int) -> Iterator[NestedMap]:
    """A map over this machine's cores; the process at hand where that is not worth while."""
    if workers == 1 or n_folds < _FOLDS_WORTH_A_POOL:
        yield builtins.map
        return
    # Started afresh: this process has threads of its own, which a fork would not survive.
    with ProcessPoolExecutor(
        workers,
        mp_context=get_context("spawn"),
        initializer=threadpool_limits,
        initargs=(1,),
    ) as pool:
        try:
            yield pool.map
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
