"""Training on a GPU: armwise's steps beside bare ones, and images a second of trials at once.

`make bench-gpu`, or `python -m benchmarks.gpu` with any Python from 3.11 to 3.13 that has torch,
torchvision and numpy. Both sides run in bfloat16 and channels_last where the device has bfloat16,
and both again compiled, to say where `torch.compile` pays. The exit status is 1 where armwise's
steps reach less than 0.90 of the bare ones' rate on a GPU. `--device cpu` tries that it runs.
"""

import argparse
import platform
import statistics
import sys
import time
from dataclasses import replace

import torch
import torchvision

from benchmarks.gpu.concurrency import saturated_at, throughput
from benchmarks.gpu.floor import Task, armwise_epoch, floor_epoch, interleaved, wall_clock
from benchmarks.gpu.watch import GpuWatch, said_by
from components.networks.device import bfloat16_pays, training_thread

LEAST = 0.90
BACKBONES = ("resnet18", "resnet50", "densenet121")


def main() -> int:
    """Prints all figures; the exit status."""
    options = parse()
    if options.device == "cuda" and not torch.cuda.is_available():
        print("expected a GPU, torch finds none; `--device cpu` tries that the benchmark runs")
        return 2
    print(machine(options.device))
    precise = bfloat16_pays(torch.device(options.device))
    tasks = [
        Task(name, px, batch, options.batches, options.device, mixed_precision=precise)
        for name in options.backbones
        for px, batch in zip(options.px, options.batch_size, strict=True)
    ]
    with training_thread(1):
        ratios = [ratio for task in tasks for ratio in compare(task, options)]
    for name in options.backbones:
        together(replace(tasks[0], backbone=name), options)
    return 1 if options.device == "cuda" and min(ratios) < LEAST else 0


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--backbones", nargs="+", choices=BACKBONES, default=list(BACKBONES))
    parser.add_argument("--px", nargs="+", type=int, default=[64, 224])
    parser.add_argument(
        "--batch-size", nargs="+", type=int, default=[32, 32], help="one for each px"
    )
    parser.add_argument("--batches", type=int, default=20, help="of an epoch")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", nargs="+", type=int, default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=5, help="that trials train at once")
    parser.add_argument("--no-compile", action="store_true")
    return parser.parse_args()


def machine(device: str) -> str:
    """On what this runs."""
    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor()
    return (
        f"{name or device}; Python {platform.python_version()}, torch {torch.__version__}, "
        f"torchvision {torchvision.__version__}"
    )


def compare(task: Task, options: argparse.Namespace) -> list[float]:
    """The rate of armwise over the floor's, eager; compiled figures are printed beside it."""
    precision = "bfloat16" if task.mixed_precision else "float32"
    print(f"\n{task.backbone}, {task.px} px, batches of {task.batch_size}, {precision}")
    calls = {"bare": floor_epoch(task), "armwise": armwise_epoch(task)}
    taken = interleaved(calls, rounds=options.rounds, clock=wall_clock)
    eager = {name: task.n / min(found) for name, found in taken.items()}
    pairs = zip(taken["bare"], taken["armwise"], strict=True)
    median = statistics.median(bare / own for bare, own in pairs)
    ratio = eager["armwise"] / eager["bare"]
    print(f"  images a second: bare {eager['bare']:,.0f}, armwise {eager['armwise']:,.0f}")
    print(f"  armwise / bare: {ratio:.3f} (best / best), {median:.3f} (median of pairs)")
    with GpuWatch(task.device) as watch:
        for _ in range(options.rounds):
            calls["armwise"]()
    print(f"  GPU in use, largest memory of all processes on it: {said_by(watch)}")
    if task.device == "cuda":
        print(f"  memory that armwise reserved: {torch.cuda.max_memory_reserved() / 2**30:.2f} GiB")
    if not options.no_compile:
        compiled(replace(task, compiled=True), eager, options)
    return [ratio]


def compiled(task: Task, eager: dict[str, float], options: argparse.Namespace) -> None:
    """Prints what torch.compile gives and takes."""
    began = time.perf_counter()
    calls = {"bare": floor_epoch(task), "armwise": armwise_epoch(task)}
    for call in calls.values():
        call()
    cost = (time.perf_counter() - began) / len(calls)
    taken = interleaved(calls, rounds=options.rounds, clock=wall_clock)
    rates = {name: task.n / min(found) for name, found in taken.items()}
    saved = 1 / eager["armwise"] - 1 / rates["armwise"]
    after = f"pays after {cost / saved:,.0f} images" if saved > 0 else "does not pay"
    print(
        f"  compiled: bare {rates['bare']:,.0f}, armwise {rates['armwise']:,.0f} images a second, "
        f"{rates['armwise'] / rates['bare']:.3f}; compiling takes {cost:.0f} s and {after}"
    )


def together(task: Task, options: argparse.Namespace) -> None:
    """Prints images a second against the number of trials at once."""
    print(f"\n{task.backbone}, {task.px} px, batches of {task.batch_size}: trials at once")
    found = []
    for n_trials in options.trials:
        found.append(throughput(task, n_trials, seconds=options.seconds))
        last = found[-1]
        print(f"  {n_trials}: {last.images_per_second:,.0f} images a second; GPU: {last.usage}")
    limit = saturated_at(found)
    print("  not saturated" if limit is None else f"  saturated by {limit}")


if __name__ == "__main__":
    sys.exit(main())
