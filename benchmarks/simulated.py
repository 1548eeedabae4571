"""Cohorts whose hazards are known: what is measured of them has an answer."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from components.arms.whole_path import PathPatients, WholePath
from components.study.protocol import Protocol, read_protocol
from components.study.vocabulary import TreatmentArm
from components.survival.target import FloatArray

PROTOCOL = Path(__file__).parents[1] / "flows" / "protocols" / "sound.yaml"
MEDIAN_DAYS = {TreatmentArm.HEPATECTOMY: 1300.0, TreatmentArm.TACE: 350.0}
FOLLOWED_DAYS = (300.0, 2600.0)
PREDICTORS = ("cirrhosis", "tumor_diameter_cm")


@dataclass(frozen=True)
class Truth:
    """What raises the hazard, as log hazard ratios, and what the features see of it.

    `latent` is the effect of a standard normal risk which the first `informative` of `width`
    features see, each with a correlation of `seen`; `clinical` that of each clinical predictor;
    `shift` by how many SD every feature lies higher in the TACE arm.
    """

    latent: float = 0.0
    clinical: float = 0.0
    width: int = 12
    informative: int = 0
    seen: float = 0.6
    shift: float = 0.0


def simulate(
    sizes: dict[TreatmentArm, int], truth: Truth, rng: np.random.Generator
) -> PathPatients:
    """Patients of the arms, their clinical table and their features (n, width).

    Exponential survival with the arm's own median, follow-up uniform within `FOLLOWED_DAYS`; some
    half of the hepatectomy patients and an eighth of the TACE patients are censored.
    """
    parts = [_arm(arm, n, truth, rng) for arm, n in sizes.items()]
    table = pd.concat([part.table for part in parts])
    return PathPatients(table, np.concatenate([_given(part.features) for part in parts]))


def _given(features: FloatArray | None) -> FloatArray:
    if features is None:
        msg = "expected features, came none"
        raise ValueError(msg)
    return features


def _arm(arm: TreatmentArm, n: int, truth: Truth, rng: np.random.Generator) -> PathPatients:
    latent, size = rng.normal(size=n), rng.normal(size=n)
    cirrhosis = rng.random(n) < 0.4
    features = rng.normal(size=(n, truth.width))
    seen = slice(0, truth.informative)
    features[:, seen] *= np.sqrt(1.0 - truth.seen**2)
    features[:, seen] += truth.seen * latent[:, None]
    features += truth.shift * (arm is TreatmentArm.TACE)
    risk = truth.latent * latent + truth.clinical * (size + cirrhosis)
    dies = MEDIAN_DAYS[arm] / np.log(2.0) * rng.exponential(size=n) * np.exp(-risk)
    leaves = rng.uniform(*FOLLOWED_DAYS, n)
    table = pd.DataFrame(
        {
            "arm": arm.value,
            "os_days": np.minimum(dies, leaves) + 1.0,
            "death": (dies <= leaves).astype(int),
            "cirrhosis": np.where(cirrhosis, "present", "absent"),
            "tumor_diameter_cm": 7.0 + 2.0 * size,
        },
        index=pd.Index([f"{arm.value[0].upper()}{i:06d}" for i in range(n)], name="patient_id"),
    )
    return PathPatients(table, features)


def simulated_protocol() -> Protocol:
    """The sound protocol with the simulated predictors, and with searches that take no time."""
    protocol = read_protocol(PROTOCOL)
    clinical = protocol.clinical.model_copy(
        update={
            "predictors": dict.fromkeys(TreatmentArm, PREDICTORS),
            "ridge_penalties": (1.0, 4.0, 16.0),
            "cv_folds": 3,
            "imputation": None,
        }
    )
    quick = {"n_lambdas": 12, "lambda_min_ratio": 0.1, "cv_folds": 5, "cv_repeats": 1}
    signature = protocol.signature.model_copy(update=quick)
    return protocol.model_copy(update={"clinical": clinical, "signature": signature})


def simulated_path(protocol: Protocol, *, n_folds: int = 3) -> WholePath:
    """The path of such a protocol."""
    return WholePath.of(protocol.signature, protocol.clinical, n_folds=n_folds)


def pooled(path: WholePath) -> WholePath:
    """The same path with a signature that does not hold the arms apart."""
    if path.signature is None:
        return path
    return replace(path, signature=path.signature.model_copy(update={"strata": "none"}))
