"""The whole path from given features to the Cox models of the arms, as one fit to be repeated.

Filter, screen, LASSO and its penalty, the standardised score, and the Cox models of every arm. What
made the features is no part of it: figures of this path are conditional on the network.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.arms.fitting import FittedModels, fit_models
from components.arms.preparation import SIGNATURE
from components.cohort.endpoint import survival_target
from components.cohort.schema import PREDICTORS, Variable
from components.signature.cross_fit import cross_fit, decide_null, in_sample
from components.signature.signature import Signature, fit_signature
from components.study.protocol import ClinicalSection, SignatureSection
from components.study.randomness import step_seed
from components.study.vocabulary import SignatureState, TreatmentArm
from components.survival.folds import draw_folds
from components.survival.target import FloatArray, IntArray

IMPUTATIONS_A_RESAMPLE = 2


@dataclass(frozen=True, eq=False)
class PathPatients:
    """Patients of all arms, one a row: the clinical table and, in its order, their features.

    `table` holds `arm`, the endpoint and the predictors; `features` is (n, p), or None where the
    models are clinical.
    """

    table: pd.DataFrame
    features: FloatArray | None

    def rows(self, chosen: IntArray) -> "PathPatients":
        """Some of the patients, of whom one may be chosen twice."""
        features = None if self.features is None else self.features[chosen]
        return PathPatients(self.table.iloc[chosen], features)

    @property
    def arms(self) -> tuple[TreatmentArm, ...]:
        """The arms that have patients."""
        present = set(self.table["arm"])
        return tuple(arm for arm in TreatmentArm if arm.value in present)

    def of_arm(self, arm: TreatmentArm) -> IntArray:
        """Row numbers of an arm's patients."""
        return np.flatnonzero(self.table["arm"] == arm.value)


@dataclass(frozen=True, eq=False)
class WholePath:
    """How the path is gone.

    `n_folds` are those of cross-fitted scores; `signature` is None where the models are clinical.
    """

    signature: SignatureSection | None
    clinical: ClinicalSection
    n_folds: int
    codebook: Mapping[str, Variable]

    @classmethod
    def of(
        cls,
        signature: SignatureSection | None,
        clinical: ClinicalSection,
        *,
        n_folds: int,
        codebook: Mapping[str, Variable] = PREDICTORS,
    ) -> "WholePath":
        """The path of a protocol's sections, as cheap as it may be where it is gone many times.

        The penalty is cross-validated on one draw of the folds, and cells are imputed twice: more
        draws and imputations steady a single fit, and a mean over many fits is steady without.
        """
        once = None if signature is None else signature.model_copy(update={"cv_repeats": 1})
        if clinical.imputation is not None:
            few = clinical.imputation.model_copy(update={"imputations": IMPUTATIONS_A_RESAMPLE})
            clinical = clinical.model_copy(update={"imputation": few})
        return cls(once, clinical, n_folds, codebook)


@dataclass(frozen=True, eq=False)
class FittedPath:
    """The signature, where there is one, and the models of each arm."""

    signature: Signature | None
    models: Mapping[TreatmentArm, FittedModels]

    @property
    def is_null(self) -> bool:
        """Whether the signature was asked for and nothing came of it."""
        return self.signature is not None and self.signature.is_null


def with_scores(patients: PathPatients, signature: Signature | None) -> pd.DataFrame:
    """The patients' table with `dl_signature` by a signature, where there is one."""
    if signature is None or patients.features is None:
        return patients.table
    return patients.table.assign(**{SIGNATURE: signature.apply(patients.features)})


def fit_path(patients: PathPatients, path: WholePath, *, seed: int) -> FittedPath:
    """The path fitted to these patients; a patient who stands there twice is in one inner fold.

    With `fit: cross_fitted` the Cox models are fitted on cross-fitted scores, as those of the run
    are, and applied to the scores of the signature of all.

    Args:
        patients: Who is fitted on; the index of their table names the patient behind each row.
        path: How.
        seed: Of all that is drawn.

    Raises:
        FitFailed: The signature's or a model's estimate does not exist.
        NoEventsInArm: In an arm nobody has died.
    """
    signature, scores, state = _signature(patients, path, seed=seed)
    table = patients.table if scores is None else patients.table.assign(**{SIGNATURE: scores})
    models = {
        arm: fit_models(
            arm,
            table.iloc[patients.of_arm(arm)],
            clinical=path.clinical,
            signature=state,
            seed=seed,
            codebook=path.codebook,
        )
        for arm in patients.arms
    }
    return FittedPath(signature, models)


def _signature(
    patients: PathPatients, path: WholePath, *, seed: int
) -> tuple[Signature | None, FloatArray | None, SignatureState]:
    """The signature of all patients, and the scores (n,) on which the models are fitted."""
    section, features = path.signature, patients.features
    if section is None or features is None:
        return None, None, SignatureState.ABSENT
    target = survival_target(patients.table)
    arms = patients.table["arm"].to_numpy(dtype=np.str_)
    units = pd.factorize(patients.table.index)[0]
    whole = fit_signature(
        features,
        target,
        arms,
        section=section,
        network_id="given features",
        rng=np.random.default_rng(step_seed(seed, "signature deployed")),
        units=units,
    )
    if whole.is_null:
        return whole, None, SignatureState.NULL
    if section.fit == "in_sample":
        return whole, in_sample(whole, features).scores, SignatureState.FITTED
    strata = np.unique(np.column_stack([arms, target.event]), axis=0, return_inverse=True)[1]
    crossed = cross_fit(
        [features] * path.n_folds,
        target,
        arms,
        draw_folds(
            strata,
            n_folds=path.n_folds,
            rng=np.random.default_rng(step_seed(seed, "folds")),
            units=units,
        ),
        section=section,
        network_ids=["given features"] * path.n_folds,
        seed=seed,
        units=units,
    )
    if decide_null(whole, crossed):
        nothing = {"feature_indices": (), "feature_means": (), "feature_sds": ()}
        null = whole.model_copy(update={**nothing, "coefficients": ()})
        return null, None, SignatureState.NULL
    return whole, crossed.scores, SignatureState.FITTED
