"""What networks cannot learn from is refused in words; what they can do without is done without."""

from dataclasses import replace

import numpy as np
import pytest

from components.errors import DataError, FitFailed
from components.networks.configurations import draw_configurations
from components.networks.labels import fold_lessons
from components.networks.refit import refit
from components.networks.training import plan_training
from components.networks.trial import SearchTask, run_trial, settle_trial
from components.networks.tuning import plan_tuning
from components.study.vocabulary import TreatmentArm
from components.survival.target import SurvivalTarget
from tests.networks.conftest import draw_cohort


@pytest.fixture(scope="module")
def patients():
    return draw_cohort(96, seed=4)


@pytest.fixture
def heads(backbone):
    """Only heads are trained: an epoch takes milliseconds."""
    return backbone.model_copy(update={"training": "frozen_trunk", "augment": None})


@pytest.fixture
def configuration(search, heads):
    return draw_configurations(search, heads, 3)[0]


def refolded(patients, fold_of):
    return replace(patients, fold_of=np.asarray(fold_of, dtype=np.int64))


@pytest.fixture
def trained(search, heads, label, evaluation, configuration, tmp_path):
    def trained(patients, configuration=configuration):
        """A trial of cross-validation, through all its epochs."""
        plan = plan_training(search, heads, seed=3)
        target, arms = patients.target, patients.arms
        task = SearchTask(
            patients=patients,
            lessons=fold_lessons(target, arms, fold_of=patients.fold_of, section=label),
            tuning=plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation),
            plan=plan,
            rungs=search.rungs,
            folder=tmp_path,
        )
        run_trial(configuration, task, report=lambda _: None)
        return settle_trial(tmp_path, configuration, last_rung=search.rungs[-1])

    return trained


def test_a_fold_in_which_nobody_has_died_costs_no_figure(patients, trained):
    # Figures are taken over all folds: one fold needs no death of its own.
    alive = np.flatnonzero(~patients.target.event)
    fold_of = np.where(np.isin(np.arange(96), alive[:10]), 0, 1 + np.arange(96) % 2)
    assert not patients.target.event[fold_of == 0].any()

    found = trained(refolded(patients, fold_of))

    assert all(0 < value < 1 for value in found.history[-1].arms.values())
    assert None not in found.oof_scores


def test_a_fold_without_patients_of_an_arm_costs_no_figure(patients, trained):
    tace = patients.arms == "tace"
    fold_of = np.where(tace, np.arange(96) // 3 % 2, np.arange(96) // 3 % 3)
    assert not tace[fold_of == 2].any()

    found = trained(refolded(patients, fold_of))

    assert set(found.history[-1].arms) == set(TreatmentArm)
    assert None not in found.oof_scores


@pytest.mark.parametrize("outside", ["alive", "unknown"])
def test_a_fold_is_named_whose_network_has_nothing_to_learn(patients, label, outside):
    # All of one kind are held out in fold 1, so that its network sees none of them.
    target, high = patients.target, patients.target.event & (patients.target.time_days <= 1095)
    known = high | (target.time_days > 1095)
    held_out = high if outside == "alive" else known
    fold_of = np.where(held_out, 1, 0)

    with pytest.raises(FitFailed) as refusal:
        fold_lessons(target, patients.arms, fold_of=fold_of, section=label)

    said = str(refusal.value)
    assert "of fold" in said
    assert ("all alike" if outside == "alive" else "none is labelled") in said
    assert "hepatectomy" in said.lower()
    assert "choose another label horizon or fewer folds" in said


def test_one_class_alone_is_refused_before_anything_is_trained(patients, label):
    everyone_dies = SurvivalTarget.of(np.full(96, 100.0), np.ones(96))

    with pytest.raises(FitFailed, match=r"(96|64).*all alike"):
        fold_lessons(everyone_dies, patients.arms, fold_of=patients.fold_of, section=label)


def test_a_patient_in_two_folds_is_named(patients):
    names = list(patients.patient_ids)
    names[7] = names[3]

    with pytest.raises(DataError, match=r"patient p003 stands in rows 4 and 8 \(folds 0 and 1\)"):
        replace(patients, patient_ids=tuple(names))


@pytest.mark.parametrize(
    ("fold_of", "expected"),
    [
        (np.arange(96) % 2 * 2, "came 0, 2: nobody is in fold 1; draw the folds anew"),
        (np.arange(96) % 3 + 1, "came 1, 2, 3: nobody is in fold 0"),
        (np.arange(96) % 3 - 1, "came -1, 0, 1: 32 patients are in fold -1"),
    ],
)
def test_the_fold_of_nobody_is_named(patients, fold_of, expected):
    with pytest.raises(DataError, match=expected):
        refolded(patients, fold_of)


def test_a_refit_that_diverges_is_not_deployed(patients, search, heads, label, tmp_path):
    wild = draw_configurations(search, heads, 3)[0].model_copy(update={"learning_rate": 1e38})

    with pytest.raises(FitFailed, match=r"refit of resnet18-0 .* lower search.space.learning_rate"):
        refit(
            patients,
            wild,
            label=label,
            plan=plan_training(search, heads, seed=3),
            imaging_hash="",
            channels=(),
            folder=tmp_path,
        )

    assert not list(tmp_path.iterdir())
