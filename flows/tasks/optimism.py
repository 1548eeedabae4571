"""Step `optimism`: what is left of the apparent figures, by bootstrap of signature and models."""

import builtins
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import numpy as np
import pandas as pd

from components.arms.fitting import fit_models
from components.arms.optimism import OptimismMap, bootstrap_optimism
from components.arms.optimism_records import Optimism
from components.arms.whole_path import FittedPath, PathPatients, WholePath
from components.cohort.schema import Variable
from components.networks.feature_table import read_features
from components.platform.compute import ray_map
from components.signature.signature import Signature
from components.study.protocol import Protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import SignatureState, Split
from components.survival.target import FloatArray
from flows.steps import Result, step_task
from flows.tasks.arms import state_of, with_scores
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display

# Below this many resamples Ray takes longer to start than it saves.
_RESAMPLES_WORTH_RAY = 100


@step_task
def correct_optimism(
    step: str,
    key: str,
    *,
    cohort: Result,
    features: Result | None,
    signature: Result,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
    session: Callable[[], AbstractContextManager[None]],
) -> Result:
    """The corrected figures of the arms' models; none where the protocol asks for no resamples.

    The run's own models are fitted once more: the same patients and seed give the same models, and
    with them what imputes their patients. A null signature leaves the clinical models.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        features: Result of the step that leaves feature tables, the deployed network's among them;
            None where there are none.
        signature: Result of step `signature`.
        protocol: The science.
        codebook: What the predictors are.
        session: Ray for as long as it is needed.
    """
    del step, key
    n_resamples = protocol.evaluation.optimism_resamples
    with current_display().step("Optimism by bootstrap") as progress:
        if n_resamples is None:
            progress.note = "the protocol asks for no resamples"
            return {"optimism": None}
        has_signature = state_of(signature) is SignatureState.FITTED
        table = read_cohort(cohort)
        train = table[table["split"] == Split.TRAIN.value]
        given = _features(features, train) if has_signature and features is not None else None
        own = _own_path(train, signature, protocol, codebook)
        with _resample_map(n_resamples, session) as resample_map:
            found = bootstrap_optimism(
                PathPatients(train, given),
                WholePath.of(
                    protocol.signature if has_signature else None,
                    protocol.clinical,
                    n_folds=protocol.search.folds,
                    codebook=codebook,
                ),
                own,
                evaluation=protocol.evaluation,
                study=protocol.study,
                n_resamples=n_resamples,
                map=resample_map,
                on_progress=lambda done, total: progress.update(done, total, "resamples"),
            )
        progress.note = f"{n_resamples} resamples"
    return {"optimism": found.to_json()}


def read_optimism(results: Mapping[str, Result]) -> Optimism | None:
    """The record of the step among a run's results, where resamples were asked for."""
    found = results.get("optimism", {}).get("optimism")
    return None if found is None else Optimism.from_json(found)


def _own_path(
    train: pd.DataFrame, signature: Result, protocol: Protocol, codebook: Mapping[str, Variable]
) -> FittedPath:
    """The deployed signature, and the models as step `arms` has fitted them."""
    state = state_of(signature)
    is_fitted = state is SignatureState.FITTED
    table = with_scores(train, signature)
    return FittedPath(
        Signature.from_json(signature["deployed"]) if is_fitted else None,
        {
            arm: fit_models(
                arm,
                table[table["arm"] == arm.value],
                clinical=protocol.clinical,
                signature=state if is_fitted else SignatureState.ABSENT,
                seed=protocol.study.seed,
                codebook=codebook,
            )
            for arm in protocol.study.arms
        },
    )


def _features(result: Result, train: pd.DataFrame) -> FloatArray:
    """The deployed network's features of the training patients, in their order."""
    patients, values = read_features(ArtifactRef.model_validate(result["features"]["table"]))
    rows = pd.Index(patients).get_indexer(train.index)
    return np.asarray(values[rows])


@contextmanager
def _resample_map(
    n_resamples: int, session: Callable[[], AbstractContextManager[None]]
) -> Iterator[OptimismMap]:
    """Ray's map; the process at hand where Ray is not worth while."""
    if n_resamples < _RESAMPLES_WORTH_RAY:
        yield builtins.map
        return
    with session():
        yield ray_map
