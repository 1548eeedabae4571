"""Training a configuration on some patients and scoring others: what every check is made of.

It is the same training as the search's, whatever that is (fine-tuned, or heads on a frozen trunk),
without its rungs: nothing is kept on disk.
"""

from collections.abc import Mapping

import numpy as np

from components.networks.crops import Crops
from components.networks.crossvalidation import start_crossvalidation
from components.networks.device import release_memory, training_thread
from components.networks.frozen_trunk import is_frozen
from components.networks.labels import lesson
from components.networks.records import Configuration
from components.networks.training import TrainingPlan
from components.networks.training_set import TrainingSet
from components.networks.trunk_features import network_inputs
from components.study.protocol.label import LabelSection
from components.survival.target import BoolArray, FloatArray, IntArray


def inputs_of(patients: TrainingSet, plan: TrainingPlan) -> Mapping[str, Crops]:
    """What the networks of each backbone take their images from; a frozen trunk is asked once."""
    names = plan.section.names
    if is_frozen(plan.section):
        return {name: network_inputs(name, patients.crops, plan=plan) for name in names}
    return dict.fromkeys(names, network_inputs(names[0], patients.crops, plan=plan))


def scores_of_unseen(
    configuration: Configuration,
    patients: TrainingSet,
    inputs: Mapping[str, Crops],
    *,
    fold_of: IntArray,
    may_teach: BoolArray,
    label: LabelSection,
    plan: TrainingPlan,
) -> FloatArray:
    """Each patient's probability (n,) by the network of the fold that they are in.

    The network of a fold learns from the patients of `may_teach` outside the fold, and from nobody
    else. Who is in no fold is not scored: NaN, as where training diverged.

    Args:
        configuration: How the networks are trained.
        patients: All n patients; their own folds play no part.
        inputs: Of `inputs_of`.
        fold_of: (n,) folds from 0, -1 for no fold.
        may_teach: (n,).
        label: Protocol section.
        plan: Its seed draws weights, order and augmentation; its epochs are all trained.

    Raises:
        FitFailed: The patients that a network may learn from share one label.
    """
    lessons = tuple(
        lesson(
            patients.target,
            patients.arms,
            seen=may_teach & (fold_of != fold),
            section=label,
            loss=plan.section.loss,
            learner=f"the network of fold {fold + 1}",
        )
        for fold in range(int(fold_of.max()) + 1)
    )
    with training_thread(plan.n_threads):
        run = start_crossvalidation(
            configuration,
            crops=inputs[configuration.backbone],
            fold_of=fold_of,
            lessons=lessons,
            plan=plan,
        )
        for _ in range(plan.total_epochs):
            run.train_epoch()
        scores = run.scores()
        run.learners = ()
    if not is_frozen(plan.section):  # heads alone leave nothing worth a collection
        release_memory()
    return np.asarray(scores)
