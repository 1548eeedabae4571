"""What Ray Tune is told by the halving: which trial trains on, which waits, which ends."""

from collections.abc import Callable, Sequence
from typing import Any

from ray.tune import Callback
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search.basic_variant import BasicVariantGenerator

from components.networks.backbones import BACKBONES
from components.networks.records import Configuration, EpochMetrics
from components.platform.halving import Standing, TrialRow, standing


def configuration_of(trial: Trial) -> Configuration:
    """The configuration that a trial of Ray's trains."""
    return Configuration.model_validate(trial.config["configuration"])


def history_of(result: dict[str, Any] | None) -> tuple[EpochMetrics, ...]:
    """The whole history in a trial's report; empty where it has reported nothing yet."""
    return tuple(EpochMetrics.model_validate(row) for row in (result or {}).get("history", ()))


class GroupHalving(FIFOScheduler):
    """Synchronous halving within each backbone; holds nothing but the rungs.

    A trial pauses at a rung until all of its backbone have reached it. Pausing frees its place, and
    the process stays for the next trial: of those that may train, the one with the most arithmetic
    before it, so that backbones come to their ends together and none is left alone (the rule of
    the critical path).
    """

    def __init__(self, rungs: Sequence[int], reduction: int) -> None:
        super().__init__()
        self._rungs = tuple(rungs)
        self._reduction = reduction

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Go on below the next rung, wait at it, end where nothing more is due."""
        trials = controller.get_trials()
        if has_failed(trials):
            return str(self.STOP)
        done = len(history_of(result))
        due = self._standing(trials, newest=(trial, result))[configuration_of(trial).key]
        if due.is_out:
            return str(self.STOP)
        # A finished trial returns by itself.
        return str(self.CONTINUE if done < due.until or done >= self._rungs[-1] else self.PAUSE)

    def choose_trial_to_run(self, controller: Any) -> Trial | None:
        """End the losers of a rung, then name the longest way to go that is open."""
        trials = controller.get_trials()
        due = self._standing(trials)
        waiting = [t for t in trials if t.status in (Trial.PENDING, Trial.PAUSED)]
        if has_failed(trials):
            for trial in waiting:
                controller.stop_trial(trial)
            return None
        ready = []
        for trial in waiting:
            standing_of = due[configuration_of(trial).key]
            if standing_of.is_out:
                controller.stop_trial(trial)
            elif trial.status == Trial.PENDING or _done(trial) < standing_of.until:
                ready.append(trial)
        return max(ready, key=self._arithmetic_ahead, default=None)

    def _arithmetic_ahead(self, trial: Trial) -> int:
        """What training the trial to the end takes, in units that all backbones share."""
        cost = BACKBONES[configuration_of(trial).backbone].multiply_adds
        return cost * (self._rungs[-1] - _done(trial))

    def _standing(
        self, trials: Sequence[Trial], *, newest: tuple[Trial, dict[str, Any]] | None = None
    ) -> dict[str, Standing]:
        rows = []
        for trial in trials:
            result = newest[1] if newest and newest[0] is trial else trial.last_result
            configuration = configuration_of(trial)
            targets = tuple(epoch.tuning_target for epoch in history_of(result))
            rows.append(
                TrialRow(configuration.key, configuration.backbone, configuration.number, targets)
            )
        return standing(rows, rungs=self._rungs, reduction=self._reduction)


def _done(trial: Trial) -> int:
    return len(history_of(trial.last_result))


def has_failed(trials: Sequence[Trial]) -> bool:
    """Whether a trial has failed for good, so that the search is being given up."""
    return any(trial.status == Trial.ERROR for trial in trials)


class KeepsWorkers(BasicVariantGenerator):
    """Ray's list of trials, which counts as finished only when the last of them has ended.

    Ray ends idle workers as soon as no trial waits for its first place and nothing more is to be
    suggested. A trial that then goes on from a rung waits seconds for a new one to import torch.
    """

    def is_finished(self) -> bool:
        """Whether all trials have been named and have ended."""
        return bool(super().is_finished()) and not self._live_trials


class Relay(Callback):
    """Passes each epoch on once, however often a trial reports it, and each trial's end.

    `lost_on_the_way` says of a trial that failed for good that Ray did not try it again: it counts
    a worker twice that is gone when the next trial is handed to it, and gives that trial up.
    """

    def __init__(
        self,
        on_epoch: Callable[[Configuration, EpochMetrics], None],
        on_end: Callable[[Configuration], None],
    ) -> None:
        self._on_epoch = on_epoch
        self._on_end = on_end
        self._passed: dict[str, int] = {}
        self._ended: set[str] = set()
        self._recovered: tuple[str, int] | None = None
        self.lost_on_the_way = False

    def __reduce__(self) -> tuple[type[Callback], tuple[()]]:
        """What Ray writes to disk of it: nothing. Listeners hold open files and connections.

        Ray keeps callbacks for a restore of its own, which is never asked for.
        """
        return Callback, ()

    def on_trial_result(self, *_: Any, trial: Trial, result: dict[str, Any], **__: Any) -> None:
        """Pass on the epochs that are new."""
        configuration = configuration_of(trial)
        for metrics in history_of(result)[self._passed.get(configuration.key, 0) :]:
            self._passed[configuration.key] = metrics.epoch
            self._on_epoch(configuration, metrics)

    def on_trial_complete(self, *_: Any, trials: list[Trial], trial: Trial, **__: Any) -> None:
        """Pass on the end of a trial, unless the search as a whole is being given up."""
        configuration = configuration_of(trial)
        if not has_failed(trials) and configuration.key not in self._ended:
            self._ended.add(configuration.key)
            self._on_end(configuration)

    def on_trial_recover(self, iteration: int, *_: Any, trial: Trial, **__: Any) -> None:
        """Note which trial is to be tried again, and when that was said."""
        self._recovered = (trial.trial_id, iteration)

    def on_trial_error(self, iteration: int, *_: Any, trial: Trial, **__: Any) -> None:
        """See whether the same step of Ray's said before that the trial is to be tried again."""
        self.lost_on_the_way = self._recovered == (trial.trial_id, iteration)
