"""How much of a network's figure is luck of the seed."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from components.networks.device import seed_of
from components.networks.honesty_records import SeedSpread
from components.networks.records import Configuration, TuningPlan
from components.networks.retraining import inputs_of, scores_of_unseen
from components.networks.training import TrainingPlan
from components.networks.training_set import TrainingSet
from components.networks.tuning import arm_figures, mean_figure
from components.study.protocol.label import LabelSection


def seed_spread(
    patients: TrainingSet,
    configuration: Configuration,
    first: float | None,
    *,
    n_seeds: int,
    tuning: TuningPlan,
    label: LabelSection,
    plan: TrainingPlan,
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
        on_progress: Called with the number of seeds done and of all that are to be trained.

    Raises:
        FitFailed: The patients outside a fold share one label.
    """
    inputs = inputs_of(patients, plan)
    everyone = np.ones(patients.target.n, dtype=np.bool_)
    values = [first]
    for number in range(1, n_seeds):
        scores = scores_of_unseen(
            configuration,
            patients,
            inputs,
            fold_of=patients.fold_of,
            may_teach=everyone,
            label=label,
            plan=replace(plan, seed=seed_of(plan.seed, f"another seed {number}")),
        )
        value = None
        if np.isfinite(scores).all():
            figures = arm_figures(tuning, patients.target, patients.arms, scores, level=0.95)
            value = mean_figure(list(figures.values()))
        values.append(value)
        if on_progress is not None:
            on_progress(number, n_seeds - 1)
    known = [value for value in values if value is not None]
    return SeedSpread(
        configuration=configuration.key,
        values=tuple(values),
        sd=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        lowest=min(known, default=None),
        highest=max(known, default=None),
    )
