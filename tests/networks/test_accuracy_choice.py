import numpy as np
import pytest

from components.networks.accuracy_choice import UnseenPatients, choose_by_test_accuracy
from components.networks.judging import Judged
from components.networks.records import BackboneChoice, BackboneRow, Configuration
from components.networks.training import plan_training
from components.study.results import Estimate
from components.survival.ipcw import risk_labels
from components.survival.time_roc import RocCurve, classification_at
from tests.networks.conftest import draw_cohort


def estimate(value):
    return Estimate(value=value, n=48, n_events=30, method="test")


def row(number, *, cutoff, target):
    configuration = Configuration(
        backbone="resnet18",
        number=number,
        learning_rate=1e-3,
        weight_decay=1e-3,
        dropout=0,
        label_smoothing=0,
    )
    return BackboneRow(
        backbone=f"resnet18-{number}",
        configuration=configuration,
        multiply_adds=10 + number,
        is_chosen=number == 0,
        epochs_done=2,
        tuning_target=estimate(target),
        standard_error=0.1,
        arm_targets={},
        within_arm_auc={},
        pooled_auc=estimate(0.6),
        arm_only_auc=estimate(0.7),
        cutoff=cutoff,
        accuracy=estimate(0.6),
        sensitivity=estimate(0.6),
        specificity=estimate(0.6),
        roc=RocCurve(
            horizon_days=1095,
            false_positive_rate=(0, 1),
            true_positive_rate=(0, 1),
            thresholds=(1, 0),
        ),
    )


@pytest.fixture(scope="module")
def chosen(cohort, search, backbone, label, evaluation):
    """Two rows of one network: the cut-off of the second calls nobody high risk."""
    rows = (row(0, cutoff=0.999999, target=0.7), row(1, cutoff=0.000001, target=0.6))
    unseen = draw_cohort(36, seed=9)
    read = []
    found = choose_by_test_accuracy(
        BackboneChoice(
            backbone=rows[0].backbone, configuration=rows[0].configuration, reason="", rows=rows
        ),
        cohort,
        UnseenPatients(unseen.crops, unseen.target, unseen.arms),
        label=label.model_copy(update={"unknown": "drop"}),
        evaluation=evaluation,
        plan=plan_training(search, backbone, seed=1),
        on_test_reading=read.append,
    )
    return found, unseen.target, read


def test_the_backbone_with_most_test_patients_right_wins_whatever_its_tuning_target(chosen):
    found, target, _ = chosen
    labels = risk_labels(target, 1095)
    share_high = float(np.mean(labels[labels >= 0] == 1))
    assert share_high > 0.5
    never, always = (one.on_test.accuracy for one in found.rows)
    assert (never.value, always.value) == pytest.approx((1 - share_high, share_high))
    assert found.backbone == "resnet18-1"
    assert [one.is_chosen for one in found.rows] == [False, True]
    assert "the test patients chose it" in found.reason
    assert never.n == int(np.sum(labels >= 0))


def test_each_reading_of_the_test_patients_is_told(chosen):
    _, _, read = chosen
    assert len(read) == 2
    assert all("accuracy of resnet18" in purpose for purpose in read)


def test_dropping_the_unknown_weighs_the_others_alike(cohort, label):
    dropped = Judged.of(cohort.target, cohort.arms, label.model_copy(update={"unknown": "drop"}))
    weighted = Judged.of(cohort.target, cohort.arms, label)
    labels = risk_labels(cohort.target, label.horizon_days)
    assert dropped.target.n == int(np.sum(labels >= 0)) < weighted.target.n == cohort.target.n
    assert set(dropped.weights) == {1.0}
    assert weighted.weights.max() > 1
    assert np.all((weighted.weights == 0) == (labels < 0))
    score = np.linspace(0, 1, dropped.target.n)
    right = classification_at(
        dropped.target, score, cutoff=0.5, horizon_days=1095, weights=dropped.weights
    ).accuracy
    known = labels[labels >= 0]
    assert right.value == pytest.approx(np.mean((score > 0.5) == (known == 1)))
