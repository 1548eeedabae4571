"""What successive halving saves: a search replayed a thousand times from curves trained once.

64 configurations are trained to epoch 27, all of them, and their tuning target after every epoch is
kept in `search_replay.csv`. Then they are shuffled 1,000 times. Random search trains them in that
order to the end; halving takes 27 at a time through the ladder 1-3-9-27, one in three going on,
by the very function that the search asks. Counted are the epochs until the configuration that each
would choose, were it stopped then, is one of those within 0.01 of the best of all 64 at epoch 27.
Both choose the best of those that have come furthest (as Li et al. 2020, MLSys 2:230, by what has
been reported on the way); the stricter count, in which only configurations trained to the end can
be chosen, stands beside it.

Run `python -m benchmarks.search_replay`; `--train` trains the curves anew. The exit status is 1
where the median of halving's epochs is more than a third of random search's.
"""

import argparse
import csv
import math
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from components.networks.configurations import draw_configurations
from components.networks.crossvalidation import start_crossvalidation
from components.networks.device import training_thread
from components.networks.labels import fold_lessons
from components.networks.training import plan_training
from components.networks.training_set import TrainingSet
from components.networks.trunk_features import network_inputs, trunk_features
from components.networks.tuning import arm_figures, mean_figure, plan_tuning
from components.platform.halving import TrialRow, standing
from components.study.protocol import Protocol, SearchSection, SearchSpace, read_protocol
from components.study.randomness import step_seed
from components.survival.target import SurvivalTarget

PROTOCOL = Path(__file__).parents[1] / "flows" / "protocols" / "demo.yaml"
CURVES = Path(__file__).with_suffix(".csv")
SEED = 20
N_CONFIGURATIONS, EPOCHS, ORDERS = 64, 27, 1000
LADDER, REDUCTION, BRACKET = (1, 3, 9, 27), 3, 27
CLOSE = 0.01
MOST = 1 / 3

Curves = list[tuple[float | None, ...]]


def cohort(n: int = 240, px: int = 32, n_folds: int = 2) -> TrainingSet:
    """Two arms; a ring in the first channel goes with the hazard, under noise."""
    rng = np.random.default_rng(step_seed(SEED, "replayed cohort"))
    arms = np.array(["hepatectomy", "hepatectomy", "tace"])[np.arange(n) % 3]
    latent = rng.normal(size=n)
    death = rng.exponential(np.where(arms == "tace", 700, 1500) * np.exp(-1.2 * latent))
    censored = rng.uniform(600, 2500, n)
    crops = rng.normal(size=(n, 3, px, px)).astype(np.float32)
    rows, columns = np.mgrid[:px, :px] - px / 2
    ring = np.exp(-(((np.hypot(rows, columns) - px / 4) / 3) ** 2))
    crops[:, 0] += (latent[:, None, None] * ring).astype(np.float32)
    return TrainingSet(
        patient_ids=tuple(f"p{i:03d}" for i in range(n)),
        crops=crops,
        target=SurvivalTarget.of(np.minimum(death, censored) + 1, death <= censored),
        arms=arms,
        fold_of=np.arange(n, dtype=np.int64) % n_folds,
    )


def protocol_of_replay() -> Protocol:
    """The demo's, with 64 heads of one frozen trunk and a wide space to look through."""
    demo = read_protocol(PROTOCOL)
    search = SearchSection(
        **{
            **demo.search.model_dump(),
            "folds": 2,
            "configurations": N_CONFIGURATIONS,
            "rungs": LADDER,
            "reduction": REDUCTION,
            "space": SearchSpace(
                learning_rate=(1e-5, 1e-1),
                weight_decay=(1e-4, 1e-1),
                dropout=(0.0, 0.8),
                label_smoothing=(0.0, 0.4),
            ),
        }
    )
    backbone = demo.backbone.model_copy(
        update={
            "names": ("resnet18",),
            "training": "frozen_trunk",
            "augment": None,
            "batch_size": 32,
        }
    )
    return demo.model_copy(update={"search": search, "backbone": backbone})


def train() -> Curves:
    """The tuning target of every configuration after every epoch."""
    protocol, patients = protocol_of_replay(), cohort()
    target, arms = patients.target, patients.arms
    plan = plan_training(protocol.search, protocol.backbone, seed=SEED)
    tuning = plan_tuning(
        target, arms, horizon_days=protocol.label.horizon_days, evaluation=protocol.evaluation
    )
    lessons = fold_lessons(target, arms, fold_of=patients.fold_of, section=protocol.label)
    trunks = {"resnet18": trunk_features("resnet18", patients.crops, plan=plan)}
    inputs = network_inputs("resnet18", patients.crops, plan=plan, trunks=trunks)
    curves: Curves = []
    for found in draw_configurations(protocol.search, protocol.backbone, SEED):
        with training_thread(1):
            run = start_crossvalidation(
                found, crops=inputs, fold_of=patients.fold_of, lessons=lessons, plan=plan
            )
            curve: list[float | None] = []
            for _ in range(EPOCHS):
                run.train_epoch()
                scores = run.scores()
                value = None
                if np.all(np.isfinite(scores)):
                    figures = arm_figures(tuning, target, arms, scores, level=0.95)
                    value = mean_figure(list(figures.values()))
                curve.append(value)
        curves.append(tuple(curve))
        print(f"{found.key}: {curve[-1]}", flush=True)
    return curves


def write(curves: Curves) -> None:
    """One row a configuration, one column an epoch."""
    with CURVES.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["configuration", *range(1, EPOCHS + 1)])
        for number, curve in enumerate(curves):
            writer.writerow([number, *("" if v is None else f"{v:.5f}" for v in curve)])


def read() -> Curves:
    """What `write` wrote."""
    with CURVES.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return [tuple(float(value) if value else None for value in row[1:]) for row in rows]


def climbing(
    curves: Curves, members: Sequence[int], *, rungs: Sequence[int], reduction: int
) -> Iterator[tuple[int, list[int]]]:
    """Rung by rung, as the search decides: epochs spent, and who has come there."""
    reached, spent = dict.fromkeys(members, 0), 0
    while True:
        rows = [
            TrialRow(str(m), "resnet18", place, curves[m][: reached[m]])
            for place, m in enumerate(members)
        ]
        due = standing(rows, rungs=rungs, reduction=reduction)
        trained = [m for m in members if not due[str(m)].is_out and due[str(m)].until > reached[m]]
        if not trained:
            return
        for m in trained:
            spent += due[str(m)].until - reached[m]
            reached[m] = due[str(m)].until
        yield spent, [m for m in members if reached[m] == max(reached.values())]


def epochs_needed(
    curves: Curves,
    order: Sequence[int],
    *,
    rungs: Sequence[int],
    reduction: int,
    bracket: int,
    good: set[int],
    at_the_end: bool,
) -> float:
    """Epochs until the one that would be chosen is a good one; infinite where it never is.

    With `at_the_end` only those that have been trained to the end are chosen among.
    """
    before = 0
    chosen: tuple[int, float, int] | None = None  # its rung, its value there, its number
    for start in range(0, len(order), bracket):
        spent = 0
        members = order[start : start + bracket]
        climb = climbing(curves, members, rungs=rungs, reduction=reduction)
        for rung, (spent, here) in zip(rungs, climb, strict=False):
            if at_the_end and rung != rungs[-1]:
                continue
            known = [(rung, value, m) for m in here if (value := curves[m][rung - 1]) is not None]
            chosen = max([*known, *([chosen] if chosen else [])], default=None)
            if chosen is not None and chosen[2] in good:
                return before + spent
        before += spent
    return math.inf


def replay(
    curves: Curves,
    *,
    rungs: Sequence[int],
    reduction: int,
    bracket: int,
    at_the_end: bool = False,
) -> tuple[list[float], list[float]]:
    """Epochs of halving and of random search, in 1,000 orders; random search stops nobody."""
    last = rungs[-1]
    final = [curve[last - 1] for curve in curves]
    best = max(value for value in final if value is not None)
    good = {m for m, value in enumerate(final) if value is not None and value >= best - CLOSE}
    rng = np.random.default_rng(step_seed(SEED, "orders"))
    orders = [[int(m) for m in rng.permutation(len(curves))] for _ in range(ORDERS)]
    needed = partial(epochs_needed, curves, reduction=reduction, good=good, at_the_end=at_the_end)
    halving = [needed(order, rungs=rungs, bracket=bracket) for order in orders]
    # One after the other, each to the only rung.
    random = [needed(order, rungs=(last,), bracket=1) for order in orders]
    return halving, random


def say(name: str, halving: Sequence[float], random: Sequence[float]) -> float:
    """Print a comparison; its ratio of medians."""
    ratio = float(np.median(halving) / np.median(random))
    missed = np.mean(np.isinf(halving))
    print(
        f"{name}: median epochs {np.median(halving):g} against {np.median(random):g} of random "
        f"search without stopping, ratio {ratio:.2f}; not reached in {missed:.1%} of the orders"
    )
    return ratio


def main() -> int:
    """Replay, and train first where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", action="store_true", help="train the curves anew (minutes)")
    if parser.parse_args().train or not CURVES.is_file():
        write(train())
    curves = read()
    final = sorted(curve[-1] for curve in curves if curve[-1] is not None)
    close = sum(value >= final[-1] - CLOSE for value in final)
    print(
        f"{len(curves)} configurations: at epoch {EPOCHS} the best has {final[-1]:.3f}, the median "
        f"{np.median(final):.3f}; {close} within {CLOSE} of the best"
    )
    ratio = say(
        "ladder 1-3-9-27, one in 3, 27 at a time",
        *replay(curves, rungs=LADDER, reduction=REDUCTION, bracket=BRACKET),
    )
    say(
        "the same, only those trained to the end are chosen among",
        *replay(curves, rungs=LADDER, reduction=REDUCTION, bracket=BRACKET, at_the_end=True),
    )
    say(
        "ladder 1-3-9-27, one in 3, all 64 at once",
        *replay(curves, rungs=LADDER, reduction=REDUCTION, bracket=len(curves)),
    )
    say(
        "the demo's ladder 2-4-6, one in 2, 4 at a time (epoch 6 counts as the end)",
        *replay(curves, rungs=(2, 4, 6), reduction=2, bracket=4),
    )
    return 0 if ratio <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
