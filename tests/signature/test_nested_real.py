"""85 TACE patients with 512 features of an ImageNet ResNet18, whose figures are known.

Calculated independently of this code: an apparent C of 0.77, 0.62 to 0.67 with the filter outside
the folds, 0.55 to 0.57 nested, with an SD of 0.07 to 0.085 over the folds.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.signature.nested import nested_signature
from components.study.protocol import read_protocol
from components.survival.target import SurvivalTarget

PROTOCOLS = Path(__file__).parents[2] / "flows" / "protocols"

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def tace():
    """Features (85, 512), target and arms, rows joined by the listing of their patients."""
    root = os.environ.get("ARMWISE_REALDATA")
    if root is None:
        pytest.skip("ARMWISE_REALDATA names no folder of real cohorts")
    folder = Path(root)
    features = pd.read_csv(folder / "hcc_tace_deep_radiomics" / "Sun_Deeps_resnet18_512.csv")
    ids = pd.read_csv(folder / "hcc_tace_deep_radiomics" / "row_ids_85.csv")["TCIA_ID"]
    clinical = pd.read_csv(folder / "hcc_tace_seg_clinical" / "hcc_tace_seg_clinical.csv")
    patients = clinical.set_index("TCIA_ID").loc[ids]
    target = SurvivalTarget.of(patients["OS"] * 7, patients["Death_1_StillAliveorLostToFU_0"])
    assert (target.n, target.n_events, features.shape[1]) == (85, 77, 512)
    return features.to_numpy(float), target, np.full(85, "tace")


def judged(tace, profile, *, n_repeats):
    section = read_protocol(PROTOCOLS / f"{profile}.yaml").signature
    nested = nested_signature(
        *tace, paths={profile: section}, n_folds=5, n_repeats=n_repeats, seed=20260126
    )
    return nested.paths[profile]


def test_the_study_s_way_finds_nothing_evident_and_a_leak(tace):
    path = judged(tace, "paper", n_repeats=10)
    assert path.apparent == pytest.approx(0.77, abs=0.01)
    assert path.n_after_screen == 32
    assert 0.50 < path.honest.estimate.value < 0.63
    assert 0.06 < path.honest.sd_folds < 0.11
    assert path.honest.sd_repeats < path.honest.sd_folds / 2
    assert not path.has_evident_value
    assert 0.60 < path.leaky.estimate.value < 0.68
    assert path.leak > 0.04


def test_the_sound_way_mostly_selects_nothing(tace):
    path = judged(tace, "sound", n_repeats=1)
    assert path.leaky is None
    assert path.honest.n_null > 0
    assert path.honest.estimate.value == pytest.approx(0.5, abs=0.1)
    assert not path.has_evident_value
