"""Nested cross-validation of the networks, and the spread over seeds, on a handful of patients."""

from dataclasses import replace

import numpy as np
import pytest

from components.networks import nested
from components.networks.honesty_records import NestedNetworks
from components.networks.nested import nested_networks
from components.networks.retraining import inputs_of, scores_of_unseen
from components.networks.seeds import seed_spread
from components.networks.training import plan_training
from components.networks.tuning import plan_tuning
from components.study.protocol import NestedNetworksSection
from components.survival.target import SurvivalTarget

SECTION = NestedNetworksSection(
    when="always", folds=2, repeats=1, inner_folds=2, configurations=1, epochs=1
)


@pytest.fixture
def run(cohort, search, backbone, label, evaluation):
    def go(patients=cohort, section=SECTION, **changes):
        frozen = backbone.model_copy(update={"training": "frozen_trunk", "warmup_epochs": 0})
        return nested_networks(
            patients,
            section=section,
            search=search,
            backbone=frozen,
            label=label,
            evaluation=evaluation,
            seed=3,
            **changes,
        )

    return go


def test_every_fold_chooses_anew_and_is_scored(run):
    heard = []
    first = run(on_progress=lambda done, total: heard.append((done, total)))

    assert heard == [(1, 2), (2, 2)]
    assert sum(first.chosen.values()) == 2
    assert [len(draw) for draw in first.values] == [2]
    assert first.estimate.lower <= first.estimate.value <= first.estimate.upper
    assert NestedNetworks.from_json(first.to_json()) == first
    assert "nested/mean_of_arms/dl_probability/tuning_target" in first.metrics()


def test_what_happens_to_the_held_out_changes_nothing_of_what_scores_them(cohort, run, monkeypatch):
    """Their labels are turned round; the network that is chosen and refitted must not notice."""
    seen = []
    original = nested.scores_of_unseen

    def listening(configuration, patients, inputs, *, fold_of, **rest):
        found = original(configuration, patients, inputs, fold_of=fold_of, **rest)
        seen.append((configuration.key, found[fold_of >= 0]))
        return found

    monkeypatch.setattr(nested, "scores_of_unseen", listening)
    held_out = []

    def first_fold_only(function, settings, folds):
        held_out.append(folds[0].held_out)
        return [function(next(settings), folds[0])] * 2

    section = SECTION.model_copy(update={"configurations": 2})
    run(section=section, map=first_fold_only)
    one = seen[:3]
    seen.clear()
    times, event = cohort.target.time_days.copy(), cohort.target.event.copy()
    rows = np.flatnonzero(held_out[0] & (cohort.arms == "tace"))
    # Among patients of one arm: the strata of the outer folds must stay as they were.
    times[rows], event[rows] = times[rows][::-1], event[rows][::-1]
    target = SurvivalTarget.of(times, event)

    def same_fold(function, settings, folds):
        return [function(next(settings), replace(folds[0], held_out=held_out[0]))] * 2

    run(replace(cohort, target=target), section=section, map=same_fold)

    for (key, scores), (other, others) in zip(one, seen[:3], strict=True):
        assert key == other
        np.testing.assert_array_equal(scores, others)


def test_who_may_not_teach_does_not(cohort, search, backbone, label):
    """Two trainings that differ in the crops of a barred patient alone score the others alike."""
    plan = replace(plan_training(search, backbone, seed=3), total_epochs=1)
    configuration = nested.draw_configurations(search, backbone, 3)[0]
    fold_of = np.where(np.arange(cohort.target.n) < 10, 0, -1)
    barred = np.arange(cohort.target.n) >= 40
    spoiled = cohort.crops.copy()
    spoiled[barred] += 5.0
    found = [
        scores_of_unseen(
            configuration,
            patients,
            inputs_of(patients, plan),
            fold_of=fold_of,
            may_teach=~barred,
            label=label,
            plan=plan,
        )
        for patients in (cohort, replace(cohort, crops=spoiled))
    ]

    np.testing.assert_array_equal(found[0], found[1])
    assert np.isfinite(found[0][:10]).all()
    assert np.isnan(found[0][10:]).all()


def test_a_fold_without_a_figure_is_counted_with_its_reason(cohort, run):
    """A fold that holds nobody of an arm has no mean over arms."""

    def one_arm_held_out(function, settings, folds):
        alone = folds[0].held_out & (cohort.arms == "hepatectomy")
        return [function(next(settings), replace(folds[0], held_out=alone))] * 2

    found = run(map=one_arm_held_out)

    assert found.values == ((None, None),)
    assert list(found.missing.values()) == [2]
    assert found.estimate.value is None
    assert found.estimate.note == "0 of the folds gave a figure, at least 2 are needed"


def test_seeds_spread_around_the_searchs_own(cohort, search, backbone, label, evaluation):
    frozen = backbone.model_copy(update={"training": "frozen_trunk", "warmup_epochs": 0})
    plan = replace(plan_training(search, frozen, seed=3), total_epochs=1)
    tuning = plan_tuning(cohort.target, cohort.arms, horizon_days=1095, evaluation=evaluation)
    found = seed_spread(
        cohort,
        nested.draw_configurations(search, frozen, 3)[0],
        0.6,
        n_seeds=3,
        tuning=tuning,
        label=label,
        plan=plan,
    )

    assert found.values[0] == 0.6
    assert len(set(found.values)) == 3
    assert found.sd == pytest.approx(np.std(found.values, ddof=1))
    assert found.lowest == min(found.values)
