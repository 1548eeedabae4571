"""Optuna's TPE through Ray Tune, one study for each backbone, with what was drawn on record."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import optuna
from ray.tune.search import Searcher
from ray.tune.search.optuna import OptunaSearch

from components.networks.records import Configuration
from components.networks.trial import TrialState
from components.platform.asha_scheduler import TARGET, comparable_target
from components.study.protocol.search import SearchSection
from components.study.randomness import step_seed

_LONGEST_WARM_UP = 10
"""Configurations drawn at random before TPE has enough to go by (Optuna's own default)."""


class GroupOptuna(Searcher):
    """Draws for one backbone after the other, for each from its own study.

    A draw is put on record, by `on_draw`, before its trial starts. A search that is taken up again
    gives the same trials their configurations back; those that were finished are told to the new
    studies, and what is new is drawn from a stream of its own.

    Args:
        backbones: Names, in the order of drawing.
        search: Protocol section.
        seed: The study's.
        drawn: What is on record, by key.
        kept: What trials have reached, by key.
        on_draw: Puts a draw on record.
    """

    def __init__(
        self,
        backbones: Sequence[str],
        search: SearchSection,
        *,
        seed: int,
        drawn: Mapping[str, Configuration],
        kept: Mapping[str, TrialState],
        on_draw: Callable[[Configuration], None],
    ) -> None:
        super().__init__(metric=TARGET, mode="max")
        self._slots = [
            (name, number) for number in range(search.configurations) for name in backbones
        ]
        self._drawn, self._on_draw = dict(drawn), on_draw
        self._finished = {
            key for key, state in kept.items() if state.epochs_done >= search.rungs[-1]
        }
        self._studies = {
            name: self._study(name, search, seed=seed, kept=kept) for name in backbones
        }
        self._running: dict[str, Configuration] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next configuration."""
        if not self._slots:
            return str(Searcher.FINISHED)
        name, number = self._slots.pop(0)
        found = self._drawn.get(f"{name}-{number}")
        if found is None:
            values = self._studies[name].suggest(trial_id)
            found = Configuration(backbone=name, number=number, **values)
            self._drawn[found.key] = found
            self._on_draw(found)
        elif found.key not in self._finished:
            self._studies[name].suggest(trial_id)  # its draw waits there, first in the queue
        self._running[trial_id] = found
        return {"configuration": found.model_dump()}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Nothing: a configuration is judged when it has been trained to the end."""

    def on_trial_complete(
        self,
        trial_id: str,
        result: dict[str, Any] | None = None,
        error: bool = False,  # noqa: FBT001, FBT002  # Ray's signature
    ) -> None:
        """Tell the backbone's study."""
        found = self._running.pop(trial_id, None)
        if found is not None and found.key not in self._finished:
            study = self._studies[found.backbone]
            study.on_trial_complete(trial_id, result=result, error=error)

    def save(self, checkpoint_path: str) -> None:
        """Nothing: Ray's own record of a search is never asked."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: see `save`."""

    def _study(
        self, name: str, search: SearchSection, *, seed: int, kept: Mapping[str, TrialState]
    ) -> OptunaSearch:
        drawn = sorted(
            (found for found in self._drawn.values() if found.backbone == name),
            key=lambda found: found.number,
        )
        sampler = optuna.samplers.TPESampler(
            n_startup_trials=min(_LONGEST_WARM_UP, max(2, search.configurations // 4)),
            # Another stream after what was drawn, or the first draws would come again.
            seed=int(step_seed(seed, f"optuna of {name} after {len(drawn)}").generate_state(1)[0]),
            constant_liar=True,
        )
        study = OptunaSearch(
            _distributions(search),
            metric=TARGET,
            mode="max",
            sampler=sampler,
            study_name=name,
            points_to_evaluate=[_values(f) for f in drawn if f.key not in self._finished],
        )
        for found in drawn:
            if found.key in self._finished:
                reached = comparable_target(kept[found.key].history)[TARGET]
                study.add_evaluated_point(_values(found), reached)
        return study


def _values(configuration: Configuration) -> dict[str, float]:
    return configuration.model_dump(exclude={"backbone", "number"})


def _distributions(search: SearchSection) -> dict[str, optuna.distributions.BaseDistribution]:
    space, uniform = search.space, optuna.distributions.FloatDistribution
    return {
        "learning_rate": uniform(*space.learning_rate, log=True),
        "weight_decay": uniform(*space.weight_decay, log=True),
        "dropout": uniform(*space.dropout),
        "label_smoothing": uniform(*space.label_smoothing),
    }
