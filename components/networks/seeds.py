"""How much of a network's figure is luck of the seed."""

import builtins
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import repeat

import numpy as np

from components.networks.crops import Crops
from components.networks.device import seed_of
from components.networks.honesty_records import SeedSpread
from components.networks.records import Configuration, TuningPlan
from components.networks.retraining import inputs_of, scores_of_unseen
from components.networks.training import TrainingPlan
from components.networks.training_set import TrainingSet
from components.networks.tuning import arm_figures, mean_figure
from components.study.protocol.label import LabelSection


@dataclass(frozen=True, eq=False)
class _Setting:
    """What all seeds share."""

    configuration: Configuration
    patients: TrainingSet
    inputs: Mapping[str, Crops]
    tuning: TuningPlan
    label: LabelSection
    plan: TrainingPlan


SeedMap = Callable[
    [Callable[[_Setting, int], float | None], Iterable[_Setting], Iterable[int]],
    Iterable[float | None],
]


def seed_spread(
    patients: TrainingSet,
    configuration: Configuration,
    first: float | None,
    *,
    n_seeds: int,
    tuning: TuningPlan,
    label: LabelSection,
    plan: TrainingPlan,
    map: SeedMap = builtins.map,  # noqa: A002 -- as in nested_networks
    on_progress: Callable[[int, int], None] | None = None,
) -> SeedSpread:
    """The tuning target of a configuration cross-validated again with other seeds.

    Args:
        patients: The training patients with the search's folds.
        configuration: What the search has chosen.
        first: Its tuning target in the search.
        n_seeds: How many seeds in all, the search's own among them.
        tuning: The search's.
        label: Protocol section.
        plan: The search's.
        map: As in `nested_networks`.
        on_progress: Called with the number of seeds done and of all that are to be trained.

    Raises:
        FitFailed: The patients outside a fold share one label.
    """
    setting = _Setting(configuration, patients, inputs_of(patients, plan), tuning, label, plan)
    values = [first]
    for value in map(_target_with_seed, repeat(setting), range(1, n_seeds)):
        values.append(value)
        if on_progress is not None:
            on_progress(len(values) - 1, n_seeds - 1)
    known = [value for value in values if value is not None]
    return SeedSpread(
        configuration=configuration.key,
        values=tuple(values),
        sd=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        lowest=min(known, default=None),
        highest=max(known, default=None),
    )


def _target_with_seed(setting: _Setting, number: int) -> float | None:
    patients, plan = setting.patients, setting.plan
    scores = scores_of_unseen(
        setting.configuration,
        patients,
        setting.inputs,
        fold_of=patients.fold_of,
        may_teach=np.ones(patients.target.n, dtype=np.bool_),
        label=setting.label,
        plan=replace(plan, seed=seed_of(plan.seed, f"another seed {number}")),
    )
    if not np.isfinite(scores).all():
        return None
    figures = arm_figures(setting.tuning, patients.target, patients.arms, scores, level=0.95)
    return mean_figure(list(figures.values()))
