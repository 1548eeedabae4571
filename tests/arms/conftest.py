"""An arm of patients whose hazard is known, as the flow hands it to `fit_arm`."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.arms.fitting import fit_arm
from components.arms.records import ArmModels
from components.study.protocol import ClinicalSection, Protocol, read_protocol
from components.study.vocabulary import SignatureState, TreatmentArm

ARM = TreatmentArm.HEPATECTOMY
PROTOCOLS = Path(__file__).parents[2] / "flows" / "protocols"
CENSORED_AFTER_DAYS = 1900.0


def draw_arm(n: int, *, seed: int, prefix: str, signature_effect: float = 0.6) -> pd.DataFrame:
    """Patients with exponential survival: BCLC, diameter and the signature raise the hazard."""
    rng = np.random.default_rng(seed)
    bclc = rng.choice(["A", "B", "C"], n, p=[0.55, 0.25, 0.2])
    cirrhosis = rng.choice(["absent", "present"], n)
    albi = rng.choice(["1", "2"], n, p=[0.7, 0.3])
    diameter = np.round(rng.gamma(4, 1.6, n) + 0.5, 1)
    signature = rng.normal(size=n)
    lp = (
        0.5 * (bclc == "B")
        + 0.9 * (bclc == "C")
        + 0.4 * (albi == "2")
        + 0.06 * (diameter - 6)
        + signature_effect * signature
    )
    death_days = rng.exponential(1500 * np.exp(-lp))
    censored_days = rng.uniform(200, CENSORED_AFTER_DAYS, n)
    return pd.DataFrame(
        {
            "bclc_stage": bclc,
            "cirrhosis": cirrhosis,
            "albi_grade": albi,
            "tumor_diameter_cm": diameter,
            "dl_signature": signature,
            "os_days": np.ceil(np.minimum(death_days, censored_days)),
            "death": (death_days <= censored_days).astype(int),
        },
        index=pd.Index([f"{prefix}{i:04d}" for i in range(n)], name="patient_id"),
    )


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    return read_protocol(PROTOCOLS / "demo.yaml")


@pytest.fixture(scope="session")
def train() -> pd.DataFrame:
    return draw_arm(208, seed=11, prefix="TR")


@pytest.fixture(scope="session")
def test() -> pd.DataFrame:
    return draw_arm(120, seed=12, prefix="TE")


def fit(
    protocol: Protocol,
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    signature: SignatureState = SignatureState.FITTED,
    clinical: ClinicalSection | None = None,
) -> ArmModels:
    return fit_arm(
        ARM,
        train,
        test,
        clinical=clinical or protocol.clinical,
        evaluation=protocol.evaluation,
        study=protocol.study,
        signature=signature,
        seed=protocol.study.seed,
    )


@pytest.fixture(scope="session")
def models(protocol: Protocol, train: pd.DataFrame, test: pd.DataFrame) -> ArmModels:
    return fit(protocol, train, test)


@pytest.fixture(scope="session")
def null_models(protocol: Protocol, train: pd.DataFrame, test: pd.DataFrame) -> ArmModels:
    return fit(protocol, train, test, signature=SignatureState.NULL)
