"""Step `signature`: cross-fitted scores of training patients, deployed scores of test patients."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cohort.endpoint import survival_target
from components.networks.feature_table import read_features
from components.signature.cross_fit import cross_fit, in_sample
from components.signature.report import report_signature
from components.signature.signature import Signature, fit_signature
from components.signature.stability import SelectionStability, selection_stability
from components.study.protocol import Protocol
from components.study.randomness import step_seed
from components.study.results import Adaptation, ArtifactRef
from components.study.vocabulary import SignatureState, Split
from components.survival.target import FloatArray, SurvivalTarget
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display


@step_task
def fit_scores(
    step: str,
    key: str,
    *,
    cohort: Result,
    features: Result,
    protocol: Protocol,
    folder: Path,
) -> Result:
    """The deployed signature, everyone's `dl_signature`, and the report of both.

    Only scores are pooled over folds, never features: each fold's signature is fitted on the
    features of its own network and applied to the patients that neither has seen. With `fit:
    in_sample` the deployed signature scores its own patients.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        features: Result of the step that leaves feature tables: `fold_features`, one a fold,
            training patients in the cohort's order; `features`, the deployed network's, the
            `test_patients` behind them.
        protocol: The science.
        folder: Where the scores go.
    """
    del step, key
    with current_display().step("Signature") as progress:
        table = read_cohort(cohort)
        train = table[table["split"] == Split.TRAIN.value]
        target, arms = survival_target(train), train["arm"].to_numpy(dtype=np.str_)
        seed = protocol.study.seed
        everyone = _features(features["features"])
        deployed = fit_signature(
            everyone[: len(train)],
            target,
            arms,
            section=protocol.signature,
            network_id=features["features"]["network_id"],
            rng=np.random.default_rng(step_seed(seed, "signature deployed")),
        )
        crossed = (
            in_sample(deployed, everyone[: len(train)])
            if protocol.signature.fit == "in_sample"
            else cross_fit(
                [_features(fold) for fold in features["fold_features"]],
                target,
                arms,
                train["fold"].to_numpy(dtype=np.int64),
                section=protocol.signature,
                network_ids=[fold["network_id"] for fold in features["fold_features"]],
                seed=seed,
            )
        )
        unseen = deployed.apply(everyone[len(train) :])
        report = report_signature(
            deployed,
            crossed,
            target,
            arms,
            deployed_unseen=unseen,
            level=protocol.evaluation.confidence_level,
            stability=_stability(everyone[: len(train)], target, arms, protocol, progress.update),
        )
        scores = pd.DataFrame(
            {
                "patient_id": [*train.index, *features["test_patients"]],
                "dl_signature": [*crossed.scores, *unseen],
            }
        )
        folder.mkdir(parents=True, exist_ok=True)
        scores.to_parquet(folder / "scores.parquet")
        found = "null: nothing survived the penalty" if report.is_null else "selected"
        progress.note = f"{report.n_selected} of {report.n_features_in} features {found}"
    return {
        "state": (SignatureState.NULL if report.is_null else SignatureState.FITTED).value,
        "deployed": deployed.to_json(),
        "report": report.model_dump(mode="json"),
        "scores": ArtifactRef.of(folder / "scores.parquet").model_dump(),
        "adaptations": [
            said.model_dump()
            for said in _adaptations(
                deployed, is_null=report.is_null, n_folds=protocol.signature.cv_folds
            )
        ],
    }


def no_signature() -> Result:
    """The result of the step where no features were given."""
    return {"state": SignatureState.ABSENT.value, "adaptations": []}


def _features(result: Result) -> FloatArray:
    _, features = read_features(ArtifactRef.model_validate(result["table"]))
    return features.astype(np.float64)


def _stability(
    features: FloatArray,
    target: SurvivalTarget,
    arms: NDArray[np.str_],
    protocol: Protocol,
    on_progress: Callable[[int, int, str], object],
) -> SelectionStability | None:
    """How often each feature is selected over resamples, where the protocol asks for it."""
    if protocol.signature.stability_resamples is None:
        return None
    return selection_stability(
        features,
        target,
        arms,
        section=protocol.signature,
        n_resamples=protocol.signature.stability_resamples,
        seed=protocol.study.seed,
        on_progress=lambda done, total: on_progress(done, total, "resamples"),
    )


def _adaptations(deployed: Signature, *, is_null: bool, n_folds: int) -> list[Adaptation]:
    said = []
    if is_null:
        said.append(
            Adaptation(
                step="signature",
                asked="a deep-learning signature in the combined models",
                done="the combined model of each arm is its clinical model",
                why="no feature survived the penalty: the signature is null",
            )
        )
    if deployed.merged_strata:
        said.append(
            Adaptation(
                step="signature",
                asked=f"{n_folds} folds of the penalty's cross-validation, stratified by arm and "
                "death",
                done=f"strata {'; '.join(deployed.merged_strata)} merged",
                why=f"each has fewer than {n_folds} patients",
            )
        )
    return said
