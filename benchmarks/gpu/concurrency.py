"""Images a second of several trials that train at the same time on one device."""

import multiprocessing
import time
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from benchmarks.gpu.floor import Task, armwise_epoch
from benchmarks.gpu.watch import GpuWatch, said_by
from components.networks.device import training_thread

_SATURATED = 1.05
"""Twice the trials bring less than a twentieth more: the device has no more to give."""

_PATIENCE_S = 300


@dataclass(frozen=True)
class Throughput:
    """What so many trials reach together."""

    n_trials: int
    images_per_second: float
    usage: str


def throughput(task: Task, n_trials: int, *, seconds: float) -> Throughput:
    """The rate of some processes, each of which trains a network of its own."""
    context = multiprocessing.get_context("spawn")
    barrier, queue = context.Barrier(n_trials + 1), context.Queue()
    trials = [
        context.Process(target=_trial, args=(task, seconds, barrier, queue))
        for _ in range(n_trials)
    ]
    for trial in trials:
        trial.start()
    try:
        # Measured is from the moment at which all have warmed up.
        barrier.wait(_PATIENCE_S)
        with GpuWatch(task.device) as watch:
            rates = [queue.get(timeout=_PATIENCE_S) for _ in trials]
    finally:
        for trial in trials:
            trial.join(timeout=30)
            if trial.is_alive():
                trial.terminate()
    return Throughput(n_trials, sum(rates), said_by(watch))


def _trial(task: Task, seconds: float, barrier: Barrier, queue: "Queue[float]") -> None:
    with training_thread(1):
        epoch = armwise_epoch(task)
        epoch()
        barrier.wait(_PATIENCE_S)
        began, n_images = time.perf_counter(), 0
        while time.perf_counter() - began < seconds:
            epoch()
            n_images += task.n
        queue.put(n_images / (time.perf_counter() - began))


def saturated_at(found: list[Throughput]) -> int | None:
    """The fewest trials beyond which the next number in the list brings nothing; None if none."""
    for fewer, more in pairwise(found):
        if more.images_per_second < _SATURATED * fewer.images_per_second:
            return fewer.n_trials
    return None
