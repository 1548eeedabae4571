"""Halving, ASHA and Optuna within each backbone, told of trials without a cluster."""

from types import SimpleNamespace

import pytest

from components.networks.records import Configuration, EpochMetrics
from components.networks.trial import TrialState
from components.platform.asha_scheduler import GroupAsha, asha_milestones
from components.platform.halving_scheduler import GroupHalving, KeepsWorkers
from components.platform.optuna_searcher import GroupOptuna
from components.platform.search_methods import epochs_at_most, ladder_of, method_adaptations
from components.study.protocol import SearchSection, SearchSpace
from components.study.vocabulary import TreatmentArm

STOP, CONTINUE = "STOP", "CONTINUE"


def section(method, **changes):
    space = SearchSpace(
        learning_rate=(1e-4, 1e-2),
        weight_decay=(1e-4, 1e-2),
        dropout=(0.0, 0.4),
        label_smoothing=(0.0, 0.1),
    )
    given = {
        "folds": 2,
        "configurations": 4,
        "rungs": (1, 2, 4),
        "reduction": 2,
        "cpus_per_trial": 1,
        "gpus_per_trial": 0,
        "threads_per_trial": 1,
        "max_failures": 0,
    }
    return SearchSection(method=method, space=space, **{**given, **changes})


def configuration(number, backbone="resnet18", **values):
    given = {"learning_rate": 1e-3, "weight_decay": 1e-3, "dropout": 0.1, "label_smoothing": 0.05}
    return Configuration(backbone=backbone, number=number, **{**given, **values})


def history(*targets):
    return tuple(
        EpochMetrics(
            epoch=epoch,
            train_loss=0.5,
            tuning_target=target,
            arms=dict.fromkeys(TreatmentArm, target),
            seconds=1,
        )
        for epoch, target in enumerate(targets, 1)
    )


def state(found, *targets, stopped=False):
    return TrialState(
        configuration=found,
        epochs_done=len(targets),
        history=history(*targets),
        oof_scores=(),
        weights=None,
        stopped=stopped,
    )


class Trials:
    """As much of Ray's controller and trials as a scheduler looks at."""

    def __init__(self, scheduler):
        self.scheduler = scheduler
        self.trials = {}

    def get_trials(self):
        return list(self.trials.values())

    def add(self, found):
        self.trials[found.key] = SimpleNamespace(
            trial_id=found.key,
            status="RUNNING",
            config={"configuration": found.model_dump()},
            last_result=None,
        )
        self.scheduler.on_trial_add(self, self.trials[found.key])

    def report(self, found, *targets):
        rows = [metrics.model_dump(mode="json") for metrics in history(*targets)]
        return self.scheduler.on_trial_result(self, self.trials[found.key], {"history": rows})


@pytest.fixture
def trials():
    found = Trials(GroupAsha((1, 2, 4), 2, kept={}))
    for number in range(3):
        found.add(configuration(number))
    found.add(configuration(0, "densenet121"))
    return found


def test_asha_compares_trials_of_one_backbone_among_themselves_alone(trials):
    assert trials.report(configuration(0), 0.7) == CONTINUE
    # Far worse than the ResNet, and the first of its own kind.
    assert trials.report(configuration(0, "densenet121"), 0.5) == CONTINUE
    assert trials.report(configuration(1), 0.6) == STOP
    assert trials.report(configuration(2), 0.8) == CONTINUE
    assert trials.report(configuration(2), 0.8, 0.7) == CONTINUE
    assert trials.report(configuration(0), 0.7, None) == STOP  # diverged
    assert trials.report(configuration(2), 0.8, 0.7, 0.7, 0.7) == STOP  # the last rung


def test_asha_hears_an_epoch_once_however_often_it_is_reported(trials):
    assert trials.report(configuration(0), 0.7) == CONTINUE
    # Killed and brought back before the first milestone: the same again, whatever came between.
    assert trials.report(configuration(1), 0.9) == CONTINUE
    assert trials.report(configuration(0), 0.7) == CONTINUE


def test_a_trial_that_asha_had_stopped_stays_so_and_others_are_held_against_all_kept():
    first, second, third = (configuration(number) for number in range(3))
    kept = {first.key: state(first, 0.7, 0.7), second.key: state(second, 0.6, stopped=True)}
    trials = Trials(GroupAsha((1, 2, 4), 2, kept=kept))
    for found in (third, second, first):
        trials.add(found)

    assert trials.report(second, 0.6) == STOP
    assert trials.report(first, 0.7, 0.7) == CONTINUE
    assert trials.report(third, 0.62) == STOP


def test_a_search_that_is_given_up_stops_its_trials(trials):
    trials.trials["resnet18-1"].status = "ERROR"

    assert trials.report(configuration(0), 0.7) == STOP


def test_ashas_milestones_are_said_where_they_are_not_the_protocols_rungs():
    assert asha_milestones((2, 4, 6), 2) == (2, 4, 6)
    assert asha_milestones((1, 3, 9, 27), 3) == (1, 3, 9, 27)
    assert ladder_of(section("asha", rungs=(1, 3, 4))) == (1, 2, 4)
    assert ladder_of(section("synchronous_halving", rungs=(1, 3, 4))) == (1, 3, 4)
    said = method_adaptations(section("asha", rungs=(1, 3, 4)))
    assert [one.done for one in said] == ["search.method: asha", "decisions at epochs [1, 2, 4]"]
    assert method_adaptations(section("random")) == ()


def test_the_budget_of_a_backbone_is_told_for_every_method():
    assert epochs_at_most(section("synchronous_halving")) == 4 + 2 + 2
    assert {epochs_at_most(section(method)) for method in ("asha", "optuna", "random")} == {16}


def searcher(drawn=(), kept=(), **changes):
    record = []
    found = GroupOptuna(
        ("resnet18", "densenet121"),
        section("optuna", **changes),
        seed=3,
        drawn={one.key: one for one in drawn},
        kept={one.configuration.key: one for one in kept},
        on_draw=record.append,
    )
    return found, record


def draw_all(found, value=0.6):
    drawn = []
    while isinstance(suggested := found.suggest(f"t{len(drawn)}"), dict):
        drawn.append(Configuration.model_validate(suggested["configuration"]))
        found.on_trial_complete(f"t{len(drawn) - 1}", {"tuning_target": value, "epoch": 4})
    return drawn


def test_optuna_draws_as_many_for_each_backbone_and_puts_each_on_record_first():
    found, record = searcher()

    drawn = draw_all(found)

    names = ["resnet18", "densenet121"] * 4
    assert [one.backbone for one in drawn] == names
    assert [one.number for one in drawn] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert record == drawn
    assert len({one.learning_rate for one in drawn}) == 8
    assert all(1e-4 <= one.learning_rate <= 1e-2 and 0 <= one.dropout <= 0.4 for one in drawn)
    assert draw_all(searcher()[0]) == drawn


def test_optuna_learns_within_a_backbone_what_is_better():
    """Targets rise with dropout: what is drawn late lies higher than what is drawn at random."""
    found, _ = searcher(configurations=30)
    dropouts = {"resnet18": [], "densenet121": []}
    for step in range(60):
        one = found.suggest(f"t{step}")["configuration"]
        dropouts[one["backbone"]].append(one["dropout"])
        sign = 1 if one["backbone"] == "resnet18" else -1
        found.on_trial_complete(f"t{step}", {"tuning_target": 0.5 + sign * one["dropout"]})

    late = {name: sum(values[15:]) / 15 for name, values in dropouts.items()}
    assert late["resnet18"] > 0.28
    assert late["densenet121"] < 0.12


def test_optuna_taken_up_again_keeps_what_was_drawn_and_tells_what_was_finished():
    whole = draw_all(searcher()[0])
    drawn = whole[:5]  # resnet18 0-2, densenet121 0-1
    kept = [state(one, 0.6, 0.6, 0.6, 0.6) for one in drawn[:3]] + [state(drawn[3], 0.5)]
    found, record = searcher(drawn, kept)
    values = [trial.value for trial in found._studies["resnet18"]._ot_study.trials if trial.value]

    again = draw_all(found)

    assert values == [0.6, 0.6]
    assert again[:5] == drawn
    assert record == again[5:]
    assert len({one.learning_rate for one in again}) == 8
    ended = found._studies["resnet18"]._ot_study.trials
    assert [trial.state.name for trial in ended] == ["COMPLETE"] * 4


def waiting(backbone, number, *targets, status="PAUSED"):
    """A trial of Ray's that has trained as many epochs as it has targets."""
    rows = [metrics.model_dump(mode="json") for metrics in history(*targets)]
    return SimpleNamespace(
        status=status,
        config={"configuration": configuration(number, backbone).model_dump()},
        last_result={"history": rows},
    )


def chosen(*trials):
    stopped = []
    controller = SimpleNamespace(get_trials=lambda: list(trials), stop_trial=stopped.append)
    return GroupHalving((2, 4, 8), 2).choose_trial_to_run(controller), stopped


def test_the_trial_with_the_most_arithmetic_ahead_trains_first():
    small, large = waiting("resnet18", 0, status="PENDING"), waiting("resnet50", 0)
    assert chosen(small, large) == (large, [])
    # Four epochs of ResNet50 are still more than eight of ResNet18, two are not.
    far = waiting("resnet50", 0, 0.7, 0.7, 0.7, 0.7)
    assert chosen(small, far) == (far, [])
    near = waiting("resnet50", 0, *[0.7] * 6)
    assert chosen(small, near) == (small, [])


def test_who_waits_at_a_rung_or_is_out_is_not_chosen():
    running = waiting("resnet50", 1, 0.7, status="RUNNING")
    at_rung = waiting("resnet50", 0, 0.7, 0.7)
    begun = waiting("resnet18", 0, 0.7)
    assert chosen(running, at_rung, begun) == (begun, [])
    loser = waiting("resnet50", 1, 0.6, 0.6)
    assert chosen(loser, at_rung, begun) == (at_rung, [loser])


def test_the_list_of_trials_is_finished_when_the_last_trial_has_ended():
    named = KeepsWorkers()
    trials = [SimpleNamespace(trial_id="a"), SimpleNamespace(trial_id="b")]
    named._trial_generator = iter(trials)
    assert [named.next_trial(), named.next_trial(), named.next_trial()] == [*trials, None]
    assert not named.is_finished()
    named.on_trial_complete("a")
    assert not named.is_finished()
    named.on_trial_complete("b", error=True)
    assert named.is_finished()
