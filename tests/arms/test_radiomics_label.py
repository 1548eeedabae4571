"""Radiomics as a run beside the backbones: figures, leakage, harmonisation, paired differences."""

import numpy as np
import pandas as pd
import pytest

from components.arms.radiomics import radiomics_scores
from components.arms.radiomics_label import INVERSE_PENALTIES, radiomics_label
from components.cohort.endpoint import survival_target
from components.errors import FitFailed
from components.networks.tuning import plan_tuning
from components.study.vocabulary import TreatmentArm
from tests.arms.conftest import draw_arm

PER_ARM = 150


@pytest.fixture(scope="module")
def table():
    parts = [
        draw_arm(PER_ARM, seed=seed, prefix=arm.value[0], signature_effect=1.2).assign(
            arm=arm.value
        )
        for seed, arm in enumerate(TreatmentArm)
    ]
    table = pd.concat(parts)
    return table.assign(fold=np.arange(len(table)) % 3, split="train")


@pytest.fixture(scope="module")
def features(table):
    """Eight features; the first is the hazard's signature with noise."""
    rng = np.random.default_rng(7)
    drawn = pd.DataFrame(rng.normal(size=(len(table), 8)), index=table.index).add_prefix("f")
    drawn["f0"] = table["dl_signature"] + 0.3 * drawn["f0"]
    return drawn


@pytest.fixture(scope="module")
def settings(protocol, table):
    arms = table["arm"].to_numpy(dtype=np.str_)
    tuning = plan_tuning(
        survival_target(table),
        arms,
        horizon_days=protocol.label.horizon_days,
        evaluation=protocol.evaluation,
    )
    return {
        "tuning": tuning,
        "label": protocol.label,
        "evaluation": protocol.evaluation,
        "seed": 3,
        "batches": None,
        "by": None,
        "networks": {},
    }


def test_what_the_features_know_is_found_out_of_fold(features, table, settings):
    networks = {
        "resnet18": pd.Series(np.random.default_rng(1).random(len(table)), index=table.index),
        "oracle": table["dl_signature"],
    }
    found = radiomics_label(features, table, **{**settings, "networks": networks})
    assert found.n == 2 * PER_ARM
    assert found.n_features == 8
    assert set(found.penalties) <= set(INVERSE_PENALTIES)
    assert set(found.within_arm_auc) == set(TreatmentArm)
    assert all(0.7 < one.value < 0.95 for one in found.within_arm_auc.values())
    assert found.arm_only_auc.value < found.pooled_auc.value
    assert 0.6 < found.accuracy.value < 1
    by = {(one.backbone, one.group): one for one in found.differences}
    assert set(by) == {
        (name, group) for name in networks for group in ("pooled", "hepatectomy", "tace")
    }
    assert by["resnet18", "pooled"].estimate.value < -0.15
    assert by["resnet18", "pooled"].p_value < 0.01
    assert by["oracle", "pooled"].estimate.value > -0.02
    assert by["oracle", "pooled"].estimate.n == found.n
    metrics = found.metrics()
    assert metrics["oof/pooled/radiomics_probability/auc_cd_1095d"] == found.pooled_auc.value
    assert "oof/tace/resnet18_minus_radiomics/auc_cd_1095d_lower" in metrics


def test_features_that_know_nothing_are_worth_nothing(table, settings):
    rng = np.random.default_rng(11)
    noise = pd.DataFrame(rng.normal(size=(len(table), 60)), index=table.index).add_prefix("f")
    found = radiomics_label(noise, table, **settings)
    # Four standard errors of the mean of two arms' AUCs in 150 patients each.
    assert abs(found.tuning_target.value - 0.5) < 0.14


def test_a_fold_is_scored_by_a_fit_that_has_not_seen_it(features, table, settings):
    """Whatever happens to a fold's patients, the fit that scores them stays."""
    expected = radiomics_label(features, table, **settings).scores
    changed = table.copy()
    held_out = table["fold"] == 1
    changed.loc[held_out, "death"] = 1 - changed.loc[held_out, "death"]
    changed.loc[held_out, "os_days"] = changed.loc[held_out, "os_days"].to_numpy()[::-1]
    found = radiomics_label(features, changed, **settings).scores
    ids = table.index[held_out]
    assert [found[one] for one in ids] == [expected[one] for one in ids]
    assert found != expected


def test_patients_without_features_are_left_out_of_both_sides(features, table, settings):
    network = pd.Series(table["dl_signature"])
    network.iloc[:5] = np.nan
    found = radiomics_label(
        features.iloc[3:], table, **{**settings, "networks": {"resnet18": network}}
    )
    assert found.n == 2 * PER_ARM - 3
    assert set(found.scores) == set(table.index[3:])
    pooled = next(one for one in found.differences if one.group == "pooled")
    assert pooled.estimate.n == 2 * PER_ARM - 5


@pytest.fixture(scope="module")
def scanners(table):
    return pd.Series(np.where(np.arange(len(table)) % 5 < 2, "A", "B"), index=table.index)


def of_scanners(features, scanners):
    """Scanner B shows every feature shifted and stretched."""
    seen = features.copy()
    rows = (scanners == "B").to_numpy()
    seen[rows] = seen[rows] * 2.0 + 4.0
    return seen


def test_harmonised_scanners_give_back_what_they_hid(features, table, settings, scanners):
    seen = of_scanners(features, scanners)
    asked = {**settings, "batches": scanners, "by": "scanner"}
    found = radiomics_label(seen, table, **asked)
    scores = {
        name: pd.Series(one.scores)
        for name, one in {
            "clean": radiomics_label(features, table, **settings),
            "seen": radiomics_label(seen, table, **settings),
            "harmonised": found,
        }.items()
    }
    agreement = {name: one.corr(scores["clean"]) for name, one in scores.items()}
    assert agreement["harmonised"] > max(0.97, agreement["seen"] + 0.01)
    assert found.adaptations == ()


def test_a_scanner_of_too_few_patients_is_said(features, table, settings, scanners):
    few = scanners.copy()
    few.iloc[[0, 1]] = "C"
    found = radiomics_label(features, table, **{**settings, "batches": few, "by": "scanner"})
    assert "features of 2 patients left as they are" in {one.done for one in found.adaptations}
    assert all("scanner (C)" in one.why for one in found.adaptations)
    one_scanner = pd.Series("A", index=table.index)
    found = radiomics_label(
        features, table, **{**settings, "batches": one_scanner, "by": "scanner"}
    )
    assert {one.done for one in found.adaptations} == {"features of everybody left as they are"}


def test_the_signature_is_harmonised_within_the_folds_too(protocol, features, table, scanners):
    section = protocol.signature.model_copy(
        update={"cv_folds": 3, "cv_repeats": 1, "stability_resamples": None}
    )
    mixed = table.assign(split=np.where(np.arange(len(table)) % 4 == 0, "test", "train"))
    scored = {
        name: radiomics_scores(
            drawn, mixed, source="x", section=section, seed=1, batches=batches, by="scanner"
        )
        for name, drawn, batches in (
            ("clean", features, None),
            ("seen", of_scanners(features, scanners), None),
            ("harmonised", of_scanners(features, scanners), scanners),
        )
    }
    agreement = {
        name: one.scores.corr(scored["clean"].scores.reindex(one.scores.index))
        for name, one in scored.items()
    }
    assert agreement["harmonised"] > max(agreement["seen"], 0.9)
    assert scored["harmonised"].adaptations == ()


def test_one_label_only_is_refused(features, table, settings):
    alive = table.assign(death=0, os_days=3000.0)
    with pytest.raises(FitFailed, match="expected patients of high and of low risk at 1095 days"):
        radiomics_label(features, alive, **settings)
