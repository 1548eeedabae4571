"""A tiny cohort with a risk that shows in its images, and small sections of a protocol."""

import numpy as np
import pytest

from components.networks.training_set import TrainingSet
from components.study.protocol import (
    BackboneSection,
    EvaluationSection,
    LabelSection,
    SearchSection,
    SearchSpace,
)
from components.survival.target import SurvivalTarget


def draw_cohort(n=48, *, n_folds=3, px=32, signal=2.0, seed=0):
    """Patients of two arms; a bright ring in channel 0 goes with an early death."""
    rng = np.random.default_rng(seed)
    arms = np.array(["hepatectomy", "hepatectomy", "tace"])[np.arange(n) % 3]
    latent = rng.normal(size=n)
    death = rng.exponential(np.where(arms == "tace", 700, 1500) * np.exp(-1.2 * latent))
    censored = rng.uniform(600, 2500, n)
    crops = rng.normal(size=(n, 3, px, px)).astype(np.float32)
    rows, columns = np.mgrid[:px, :px] - px / 2
    ring = np.exp(-(((np.hypot(rows, columns) - px / 4) / 3) ** 2))
    crops[:, 0] += (signal * latent[:, None, None] * ring).astype(np.float32)
    return TrainingSet(
        patient_ids=tuple(f"p{i:03d}" for i in range(n)),
        crops=crops,
        target=SurvivalTarget.of(np.minimum(death, censored) + 1, death <= censored),
        arms=arms,
        fold_of=np.arange(n, dtype=np.int64) % n_folds,
    )


@pytest.fixture(scope="session")
def cohort():
    return draw_cohort()


@pytest.fixture(scope="session")
def search():
    return SearchSection(
        folds=3,
        configurations=2,
        rungs=(1, 2),
        reduction=2,
        space=SearchSpace(
            learning_rate=(1e-3, 3e-3),
            weight_decay=(1e-4, 1e-2),
            dropout=(0.0, 0.4),
            label_smoothing=(0.0, 0.1),
        ),
        cpus_per_trial=1,
        gpus_per_trial=0,
        threads_per_trial=1,
        max_failures=2,
    )


@pytest.fixture(scope="session")
def backbone():
    return BackboneSection(
        names=("resnet18",),
        weights="random",
        batch_size=8,
        warmup_epochs=1,
        mixed_precision=True,
        augment=True,
        selection="one_standard_error",
    )


@pytest.fixture(scope="session")
def label():
    return LabelSection(horizon_days=1095, unknown="ipcw", weight_cap=20)


@pytest.fixture(scope="session")
def evaluation():
    return EvaluationSection(
        confidence_level=0.95,
        minimum_events_before=3,
        minimum_at_risk_after=3,
        cutoff="training_median",
        truncated_c_days=None,
    )
