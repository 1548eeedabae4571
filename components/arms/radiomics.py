"""The signature of hand-crafted radiomics features, fitted exactly as the deep one.

The study compares its networks with such features. They are a table that somebody's tool wrote, the
same for every fold, and go the signature's way: filter, screen and LASSO in each fold's training
part, patients scored by a fit that has not seen them.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from components.arms.baseline_records import RadiomicsSignature
from components.arms.baselines import RADIOMICS_SCORE
from components.arms.radiomics_harmonise import Harmoniser
from components.cohort.endpoint import survival_target
from components.signature.cross_fit import cross_fit, decide_null, in_sample
from components.signature.signature import fit_signature
from components.study.protocol import SignatureSection
from components.study.randomness import step_seed
from components.study.results import Adaptation
from components.study.vocabulary import Split


@dataclass(frozen=True, eq=False)
class RadiomicsScores:
    """The score of every patient with features, by pseudonym, and how it came about."""

    scores: pd.Series
    signature: RadiomicsSignature
    adaptations: tuple[Adaptation, ...] = ()


def radiomics_scores(
    features: pd.DataFrame,
    table: pd.DataFrame,
    *,
    source: str,
    section: SignatureSection,
    seed: int,
    batches: pd.Series | None = None,
    by: str | None = None,
) -> RadiomicsScores:
    """Cross-fitted scores of the training patients, deployed ones of the others.

    Args:
        features: Indexed by patient; patients without a row have no score.
        table: The cohort, indexed by patient, with `arm`, `split`, `fold` and the endpoint.
        source: The name of the features' version.
        section: The protocol's section `signature`.
        seed: The study's seed.
        batches: Scanner or center by patient, where features are harmonised by ComBat, fitted in
            each fold's training part, and in all training patients for the others' scores.
        by: What the batches are.

    Raises:
        FitFailed: A feature is not finite, or there are fewer deaths than folds.
        NoEventsInArm: Nobody with features has died.
    """
    known = table[table.index.isin(features.index)]
    train = known[known["split"] == Split.TRAIN.value]
    others = known[known["split"] != Split.TRAIN.value]
    everyone = pd.concat([train, others])
    raw = features.loc[everyone.index].to_numpy(dtype=np.float64)
    n, in_training = len(train), np.arange(len(everyone)) < len(train)
    at_once, by_fold = (Harmoniser.of(part, batches, by=by) for part in (everyone, train))
    harmonised = at_once(raw, in_training, part="all training patients")
    values = harmonised[:n]
    target, arms = survival_target(train), train["arm"].to_numpy(dtype=np.str_)
    deployed = fit_signature(
        values,
        target,
        arms,
        section=section,
        network_id=source,
        rng=np.random.default_rng(step_seed(seed, "radiomics signature deployed")),
    )
    if section.fit == "in_sample":
        crossed = in_sample(deployed, values)
    else:
        # Patients without features may have emptied a fold: the numbers close up.
        fold_of = np.unique(train["fold"], return_inverse=True)[1].astype(np.int64)
        n_folds = int(fold_of.max()) + 1
        crossed = cross_fit(
            [by_fold(raw[:n], fold_of != fold, part=f"fold {fold + 1}") for fold in range(n_folds)],
            target,
            arms,
            fold_of,
            section=section,
            network_ids=[source] * n_folds,
            seed=seed,
        )
    unseen = deployed.apply(harmonised[n:])
    return RadiomicsScores(
        scores=pd.Series(
            np.concatenate([crossed.scores, unseen]),
            index=train.index.append(others.index),
            name=RADIOMICS_SCORE,
        ),
        signature=RadiomicsSignature(
            source=source,
            n=target.n,
            n_features_in=deployed.n_features_in,
            n_selected=len(deployed.feature_indices),
            fold_selected=tuple(len(one.feature_indices) for one in crossed.signatures),
            is_null=decide_null(deployed, crossed),
            is_in_sample=crossed.is_in_sample,
        ),
        adaptations=(*at_once.adaptations, *by_fold.adaptations),
    )
