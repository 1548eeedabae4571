"""What `search.method` means: the configurations, who goes on, when a search is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray import tune

from components.networks.backbones import BACKBONES
from components.networks.configurations import draw_configurations
from components.networks.records import Configuration
from components.networks.shared_states import SharedStates
from components.networks.trial import TrialState
from components.platform.asha_scheduler import TARGET, GroupAsha, ToTheEnd, asha_milestones
from components.platform.halving import TrialRow, epochs_of_group, standing
from components.platform.halving_scheduler import GroupHalving, KeepsWorkers
from components.platform.optuna_searcher import GroupOptuna
from components.study.files import written_whole
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.search import SearchSection
from components.study.results import Adaptation


def ladder_of(search: SearchSection) -> tuple[int, ...]:
    """The epochs at which is decided who goes on; trials keep their states there."""
    if search.method == "asha":
        return asha_milestones(search.rungs, search.reduction)
    return search.rungs


def epochs_at_most(search: SearchSection) -> int:
    """Epochs that the trials of one backbone are trained in all; with ASHA at most."""
    n, last = search.configurations, search.rungs[-1]
    if search.method != "synchronous_halving":
        return n * last
    return epochs_of_group(n, rungs=search.rungs, reduction=search.reduction)


def method_adaptations(search: SearchSection) -> tuple[Adaptation, ...]:
    """What is to be said of a method whose result hangs on more than the seed."""
    said = []
    if search.method in ("asha", "optuna"):
        said.append(
            Adaptation(
                step="search",
                asked="the same numbers for the same data, protocol and seed",
                done=f"search.method: {search.method}",
                why="it decides by what other trials have reported so far, and that hangs on how "
                "fast they were; each trial's own numbers follow from the seed all the same",
            )
        )
    if ladder_of(search) != search.rungs:
        said.append(
            Adaptation(
                step="search",
                asked=f"search.rungs: {list(search.rungs)}",
                done=f"decisions at epochs {list(ladder_of(search))}",
                why="Ray's ASHA decides at the first rung times powers of search.reduction",
            )
        )
    return tuple(said)


@dataclass(frozen=True)
class Configurations:
    """The configurations of a search: all known beforehand, or drawn as it goes and on record.

    `folder` is the search's; draws are on record there, one file each, before their trial starts.
    """

    search: SearchSection
    backbone: BackboneSection
    seed: int

    def identity(self) -> list[str]:
        """What names a search beyond patients and plan."""
        if self.search.method == "optuna":
            known = []
        else:
            known = [c.model_dump_json() for c in self._beforehand()]
        if self.search.method == "synchronous_halving":
            return known
        fields = {"method", "rungs", "reduction", "configurations", "space"}
        return [*known, self.search.model_dump_json(include=fields), str(self.seed)]

    def known(self, folder: Path) -> tuple[Configuration, ...]:
        """Those that there are so far, in the order of backbones and numbers."""
        if self.search.method != "optuna":
            return self._beforehand()
        paths = (folder / "drawn").glob("*.json")
        drawn = {found.key: found for found in (_read(path) for path in paths)}
        keys = [
            f"{name}-{number}"
            for name in self.backbone.names
            for number in range(self.search.configurations)
        ]
        return tuple(drawn[key] for key in keys if key in drawn)

    def bring(self, folder: Path, shared: SharedStates | None) -> None:
        """Bring the draws on record at a cluster's shared place to `folder`."""
        for note in shared.notes("drawn") if shared is not None else ():
            _write(Configuration.from_json(note), folder)

    def for_ray(
        self,
        folder: Path,
        kept: Mapping[str, TrialState],
        *,
        shared: SharedStates | None = None,
    ) -> tuple[tune.TuneConfig, dict[str, Any]]:
        """What Ray Tune is told: searcher, scheduler, and what it shall go through.

        Args:
            folder: The search's.
            kept: What trials have reached before, by key.
            shared: Where draws are put on record too.
        """
        search = self.search
        # The costliest begin first, so that no long trial is left alone at the end.
        cost: dict[str, int] = {
            name: -BACKBONES[name].multiply_adds for name in self.backbone.names
        }
        if search.method == "optuna":
            searcher = GroupOptuna(
                sorted(cost, key=lambda name: cost[name]),
                search,
                seed=self.seed,
                drawn={found.key: found for found in self.known(folder)},
                kept=kept,
                on_draw=lambda found: _write(found, folder, shared),
            )
            n = search.configurations * len(cost)
            return tune.TuneConfig(
                search_alg=searcher,
                scheduler=ToTheEnd(),
                num_samples=n,
                metric=TARGET,
                mode="max",
                reuse_actors=True,
            ), {}
        scheduler = {
            "synchronous_halving": lambda: GroupHalving(search.rungs, search.reduction),
            "asha": lambda: GroupAsha(ladder_of(search), search.reduction, kept=kept),
            "random": ToTheEnd,
        }[search.method]()
        ordered = sorted(self._beforehand(), key=lambda found: cost[found.backbone])
        grid = tune.grid_search([found.model_dump() for found in ordered])
        config = tune.TuneConfig(search_alg=KeepsWorkers(), scheduler=scheduler, reuse_actors=True)
        return config, {"configuration": grid}

    def unfinished(self, folder: Path, kept: Mapping[str, TrialState]) -> list[str]:
        """The trials, by key, that would have to be trained on before the search is done."""
        found, last = self.known(folder), self.search.rungs[-1]
        if self.search.method == "synchronous_halving":
            return _short_of_halving(found, kept, self.search)
        missing = self.search.configurations * len(self.backbone.names) - len(found)
        return [f"{missing} not drawn"] * bool(missing) + [
            one.key
            for one in found
            if one.key not in kept
            or not (kept[one.key].stopped or kept[one.key].epochs_done >= last)
        ]

    def _beforehand(self) -> tuple[Configuration, ...]:
        return draw_configurations(self.search, self.backbone, self.seed)


def _short_of_halving(
    configurations: Sequence[Configuration], kept: Mapping[str, TrialState], search: SearchSection
) -> list[str]:
    rows = []
    for found in configurations:
        history = kept[found.key].history if found.key in kept else ()
        targets = tuple(epoch.tuning_target for epoch in history)
        rows.append(TrialRow(found.key, found.backbone, found.number, targets))
    due = standing(rows, rungs=search.rungs, reduction=search.reduction)
    return [
        row.key for row in rows if not due[row.key].is_out and len(row.targets) < due[row.key].until
    ]


def _read(path: Path) -> Configuration:
    return Configuration.from_json(path.read_bytes())


def _write(configuration: Configuration, folder: Path, shared: SharedStates | None = None) -> None:
    name, text = f"drawn/{configuration.key}.json", configuration.to_json()
    with written_whole(folder / name) as partial:
        partial.write_text(text, encoding="utf-8")
    if shared is not None:
        shared.note(name, text)
