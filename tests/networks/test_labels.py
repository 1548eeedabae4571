import numpy as np
import pytest

from components.errors import FitFailed
from components.networks.labels import fold_lessons, lesson
from components.survival.ipcw import label_weights
from components.survival.target import SurvivalTarget


def test_weights_come_from_the_arm_in_the_part_that_is_seen(cohort, label):
    seen = cohort.fold_of != 1
    found = lesson(cohort.target, cohort.arms, seen=seen, section=label)

    expected = np.zeros(cohort.target.n)
    for arm in ("hepatectomy", "tace"):
        members = np.flatnonzero(seen & (cohort.arms == arm))
        part = cohort.target.subset(members)
        expected[members] = label_weights(part, 1095, fitted_on=part, cap=20)
    assert found.rows.tolist() == np.flatnonzero(expected).tolist()
    assert found.weights == pytest.approx(expected[found.rows] / expected[found.rows].mean())


def test_the_unknown_are_left_out_or_taken_as_high(cohort, label):
    known = (cohort.target.time_days > 1095) | cohort.target.event
    everyone = np.ones(cohort.target.n, dtype=bool)
    assert 0 < known.sum() < cohort.target.n

    dropped = lesson(
        cohort.target,
        cohort.arms,
        seen=everyone,
        section=label.model_copy(update={"unknown": "drop"}),
    )
    naive = lesson(
        cohort.target,
        cohort.arms,
        seen=everyone,
        section=label.model_copy(update={"unknown": "naive"}),
    )

    assert dropped.rows.tolist() == np.flatnonzero(known).tolist()
    assert np.all(dropped.weights == 1)
    assert len(naive.rows) == cohort.target.n
    assert np.all(naive.labels[~known] == 1)


def test_a_fold_never_learns_from_its_own_patients(cohort, label):
    lessons = fold_lessons(cohort.target, cohort.arms, fold_of=cohort.fold_of, section=label)

    assert len(lessons) == 3
    assert all(np.all(cohort.fold_of[part.rows] != fold) for fold, part in enumerate(lessons))


def test_one_label_only_is_refused(label):
    target = SurvivalTarget.of([100.0, 200.0, 2000.0], [1, 1, 0])
    arms = np.array(["tace"] * 3)

    with pytest.raises(FitFailed, match="2 are labelled and all alike"):
        lesson(target, arms, seen=np.array([True, True, False]), section=label)
