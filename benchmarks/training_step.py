"""An epoch of training beside bare steps of the same network on one batch in memory, in one run.

Run `python -m benchmarks.training_step`. armwise's epoch is `train_epoch` as a trial calls it:
patients drawn, augmented in batches, learning rates, weighted loss, the epoch's figures written as
a trial writes them. The floor is forward, backward and the same fused AdamW's step. Seconds are of
one thread's processor time, so that nothing else on the machine counts; the two take turns. The
exit status is 1 where armwise reaches less than 0.95 of the floor's rate with a backbone.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.gpu.floor import Task, floor_epoch, interleaved
from components.networks.crops import Crops
from components.networks.device import bfloat16_pays, training_thread
from components.networks.labels import lesson
from components.networks.records import Configuration, EpochMetrics
from components.networks.training import TrainingPlan, start_learner, train_epoch
from components.study.protocol import BackboneSection, LabelSection
from components.survival.target import SurvivalTarget

LEAST = 0.95


def main() -> int:
    """Prints the table; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--px", type=int, default=64)
    parser.add_argument("--batches", type=int, default=4, help="of 16 patients, in an epoch")
    parser.add_argument("--backbones", nargs="+", default=["resnet18", "resnet50", "densenet121"])
    options = parser.parse_args()
    pays = bfloat16_pays(torch.device("cpu"))
    precision = "bfloat16" if pays else "float32"
    table = Table(
        title=f"an epoch of {options.batches} batches of 16, {options.px} px, {precision}"
    )
    for title in ("", "bare, ms a step", "armwise, ms a step", "best / best", "median of pairs"):
        table.add_column(title)
    ratios = []
    with training_thread(1):
        for name in options.backbones:
            task = Task(name, options.px, 16, options.batches, "cpu", mixed_precision=pays)
            bare, own = measure(task, options.rounds)
            ratios.append(min(bare) / min(own))
            pairs = statistics.median(b / o for b, o in zip(bare, own, strict=True))
            steps = (f"{min(taken) / options.batches * 1e3:.1f}" for taken in (bare, own))
            table.add_row(name, *steps, f"{ratios[-1]:.3f}", f"{pairs:.3f}")
    Console().print(table)
    return 0 if min(ratios) >= LEAST else 1


def measure(task: Task, rounds: int) -> tuple[list[float], list[float]]:
    """Processor seconds of the floor's epochs and of armwise's."""
    with tempfile.TemporaryDirectory() as folder:
        calls = {"bare": floor_epoch(task), "armwise": trial_epoch(task, Path(folder))}
        taken = interleaved(calls, rounds=rounds, clock=time.process_time)
    return taken["bare"], taken["armwise"]


def trial_epoch(task: Task, folder: Path) -> Callable[[], None]:
    """A call that trains and writes down an epoch."""
    rng = np.random.default_rng(0)
    section = BackboneSection(
        names=(task.backbone,),
        weights="random",
        batch_size=task.batch_size,
        warmup_epochs=0,
        mixed_precision=task.mixed_precision,
        augment=True,
        selection="best",
    )
    plan = TrainingPlan(section, 10_000, 1, 1, "cpu", task.mixed_precision)
    configuration = Configuration(
        backbone=task.backbone,
        number=0,
        learning_rate=1e-3,
        weight_decay=1e-3,
        dropout=0.2,
        label_smoothing=0.05,
    )
    died = np.arange(task.n) % 2 == 0
    # All are followed beyond the horizon or die before it: every patient is learnt from.
    target = SurvivalTarget.of(np.where(died, 500.0, 2_000.0) + np.arange(task.n), died)
    everyone = lesson(
        target,
        np.full(task.n, "tace"),
        seen=np.ones(task.n, dtype=np.bool_),
        section=LabelSection(horizon_days=1095, unknown="ipcw", weight_cap=20),
    )
    images = rng.standard_normal((task.n, 3, task.px, task.px), dtype=np.float32)
    crops = Crops(images, torch.device("cpu"))
    learner = start_learner(configuration.key, configuration, everyone, plan=plan)
    history: list[EpochMetrics] = []

    def epoch() -> None:
        loss = train_epoch(learner, configuration, crops, plan=plan)
        history.append(
            EpochMetrics(
                epoch=len(history), train_loss=loss, tuning_target=None, arms={}, seconds=0.0
            )
        )
        text = "\n".join(metrics.to_json() for metrics in history)
        (folder / "history.json").write_text(text, encoding="utf-8")

    return epoch


if __name__ == "__main__":
    sys.exit(main())
