"""ASHA within each backbone, and a search without stopping, as schedulers of Ray Tune."""

from collections.abc import Mapping, Sequence
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import AsyncHyperBandScheduler, FIFOScheduler

from components.networks.records import EpochMetrics
from components.networks.trial import TrialState
from components.platform.halving_scheduler import configuration_of, has_failed, history_of

EPOCH, TARGET = "epoch", "tuning_target"
"""Of what a trial reports, what Ray's own schedulers and searchers read."""

WORST_TARGET = 0.0
"""What a diverged trial is taken for by those who compare numbers."""


def comparable_target(history: Sequence[EpochMetrics]) -> dict[str, float]:
    """Epoch and tuning target of the newest epoch, as numbers that can be compared."""
    target = history[-1].tuning_target
    return {EPOCH: history[-1].epoch, TARGET: WORST_TARGET if target is None else target}


class ToTheEnd(FIFOScheduler):
    """Trains everything to the end; one trial that fails for good ends the search."""

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Go on, unless the search is being given up."""
        del trial, result
        return str(self.STOP if has_failed(controller.get_trials()) else self.CONTINUE)

    def choose_trial_to_run(self, controller: Any) -> Trial | None:
        """The next trial that has not begun."""
        trials = controller.get_trials()
        if not has_failed(trials):
            chosen: Trial | None = super().choose_trial_to_run(controller)
            return chosen
        for trial in trials:
            if trial.status in (Trial.PENDING, Trial.PAUSED):
                controller.stop_trial(trial)
        return None


class GroupAsha(ToTheEnd):
    """Ray's `AsyncHyperBandScheduler`, one for each backbone (Li et al. 2020, 1810.05934).

    A trial that reaches a milestone stops there if it is below the best 1/`reduction` of those of
    its backbone that were there before it. What trials had reached before the search was taken up
    again, `kept`, is told first: a trial that was stopped stays so, whatever comes in later.
    """

    def __init__(
        self, milestones: Sequence[int], reduction: int, *, kept: Mapping[str, TrialState]
    ) -> None:
        super().__init__()
        self._milestones = tuple(milestones)
        self._reduction = reduction
        self._kept = dict(kept)
        self._groups: dict[str, AsyncHyperBandScheduler] = {}
        self._told: dict[str, int] = {}

    def on_trial_add(self, controller: Any, trial: Trial) -> None:
        """Join the trials of the same backbone, with what is known of it already."""
        configuration = configuration_of(trial)
        self._group(trial).on_trial_add(controller, trial)
        if configuration.key in self._kept:
            self._tell(controller, trial, self._kept[configuration.key].history)

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop below the backbone's mark at a milestone, else go on."""
        kept = self._kept.get(configuration_of(trial).key)
        if has_failed(controller.get_trials()) or (kept is not None and kept.stopped):
            return str(self.STOP)
        decisions = self._tell(controller, trial, history_of(result))
        return str(self.STOP if self.STOP in decisions else self.CONTINUE)

    def _tell(self, controller: Any, trial: Trial, history: Sequence[EpochMetrics]) -> list[str]:
        """Pass on the epochs that are new, one by one; what was decided after each."""
        key, group = configuration_of(trial).key, self._group(trial)
        told = self._told.get(key, 0)
        self._told[key] = max(told, len(history))
        return [
            group.on_trial_result(controller, trial, comparable_target(history[:done]))
            for done in range(told + 1, len(history) + 1)
        ]

    def _group(self, trial: Trial) -> AsyncHyperBandScheduler:
        backbone = configuration_of(trial).backbone
        if backbone not in self._groups:
            self._groups[backbone] = AsyncHyperBandScheduler(
                time_attr=EPOCH,
                metric=TARGET,
                mode="max",
                max_t=self._milestones[-1],
                grace_period=self._milestones[0],
                reduction_factor=self._reduction,
            )
        return self._groups[backbone]


def asha_milestones(rungs: Sequence[int], reduction: int) -> tuple[int, ...]:
    """The epochs at which Ray's ASHA decides: the first rung times powers of `reduction`, the last.

    Raises nothing: a ladder of one rung is trained to its end.
    """
    milestones, epoch = [], rungs[0]
    while epoch < rungs[-1]:
        milestones.append(epoch)
        epoch *= reduction
    return (*milestones, rungs[-1])
