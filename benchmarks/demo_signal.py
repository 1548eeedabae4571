"""How much of the demo's hidden signal a small network recovers from the images.

For each seed a demo cohort is drawn, a ResNet18 is trained from random weights by cross-validation
on the crops that the demo protocol makes, and its out-of-fold AUC at the label's horizon within the
hepatectomy arm stands beside that of the latent aggressiveness itself. The same is done with the
images shuffled among the patients of an arm, where there is nothing to be found.

Run `python -m benchmarks.demo_signal --seeds 5`. The exit status is 1 where less than half of the
latent's excess over 0.5 is kept, or shuffled images predict.
"""

import argparse
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from components.cohort.dataset import Dataset
from components.cohort.endpoint import survival_target
from components.cohort.splitting import assign_folds
from components.imaging.crop import crop_patient
from components.intake.demo import DEMO_SEED, DEMO_SIZES, write_demo
from components.intake.demo_clinical import DemoCohort, make_cohort
from components.networks.crops import Crops
from components.networks.crossvalidation import start_crossvalidation
from components.networks.labels import fold_lessons
from components.networks.records import Configuration
from components.networks.training import plan_training
from components.study.protocol import Protocol, SearchSection, read_protocol
from components.study.randomness import step_seed
from components.study.results import Estimate
from components.study.vocabulary import Phase, TreatmentArm
from components.survival.discrimination import auc_ipcw
from components.survival.ipcw import risk_labels

PROTOCOL = Path(__file__).parents[1] / "flows" / "protocols" / "demo.yaml"
ARM = TreatmentArm.HEPATECTOMY
LEAST_SHARE_KEPT = 0.5
MOST_STANDARD_ERRORS = 3.0


@dataclass(frozen=True)
class Finding:
    """AUCs of one seed: of the latent, of the network, of the network on shuffled images."""

    seed: int
    latent: Estimate
    network: Estimate
    shuffled: Estimate


def draw_crops(seed: int, path: Path) -> Path:
    """Write the crops (n, 3, h, w) of a demo cohort, in the order of its clinical table."""
    protocol = read_protocol(PROTOCOL)
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset(Path(folder) / "data")
        write_demo(dataset.root, seed=seed, n_by_arm=DEMO_SIZES, split=protocol.split, workers=1)
        patients = make_cohort(seed=seed, n_by_arm=DEMO_SIZES).clinical.index
        crops = [
            crop_patient(
                patient,
                dataset.image_path(patient, Phase.ARTERIAL),
                dataset.image_path(patient, Phase.PORTAL_VENOUS),
                dataset.roi_path(patient),
                protocol.imaging,
            )
            for patient in patients
        ]
    np.save(path, np.stack(crops))
    return path


def network_auc(seed: int, path: Path, *, is_shuffled: bool) -> Estimate:
    """The network's out-of-fold AUC within the arm; shuffled: with images of others of the arm."""
    torch.set_num_threads(1)
    cohort = make_cohort(seed=seed, n_by_arm=DEMO_SIZES)
    crops = np.load(path)
    if is_shuffled:
        crops = crops[_shuffled_within(cohort.clinical["arm"], seed)]
    scores = _out_of_fold(cohort.clinical, crops, seed, read_protocol(PROTOCOL))
    return arm_auc(cohort, scores)


def _shuffled_within(arms: pd.Series, seed: int) -> NDArray[np.int64]:
    rng = np.random.default_rng(step_seed(seed, "shuffle"))
    order = np.arange(len(arms))
    for arm in sorted(arms.unique()):
        members = np.flatnonzero(arms == arm)
        order[members] = rng.permutation(members)
    return order


def _out_of_fold(
    clinical: pd.DataFrame, crops: NDArray[np.float32], seed: int, protocol: Protocol
) -> NDArray[np.float64]:
    target = survival_target(clinical)
    labels = risk_labels(target, protocol.label.horizon_days)
    strata = clinical["arm"] + "/" + pd.Series(labels.astype(str), index=clinical.index)
    rng = np.random.default_rng(step_seed(seed, "folds"))
    folds, _ = assign_folds(strata, n_folds=protocol.search.folds, rng=rng)
    fold_of = folds.to_numpy(dtype=np.int64)
    arms = clinical["arm"].to_numpy(dtype=np.str_)
    plan = plan_training(protocol.search, protocol.backbone, seed=seed)
    run = start_crossvalidation(
        _middle_of(protocol.search),
        crops=Crops(crops, torch.device(plan.device)),
        fold_of=fold_of,
        lessons=fold_lessons(target, arms, fold_of=fold_of, section=protocol.label),
        plan=plan,
    )
    for _ in range(plan.total_epochs):
        run.train_epoch()
    return run.scores()


def _middle_of(search: SearchSection) -> Configuration:
    """The configuration in the middle of the protocol's search space: chosen by no result."""
    space = search.space
    return Configuration(
        backbone="resnet18",
        number=0,
        learning_rate=float(np.sqrt(np.prod(space.learning_rate))),
        weight_decay=float(np.sqrt(np.prod(space.weight_decay))),
        dropout=float(np.mean(space.dropout)),
        label_smoothing=float(np.mean(space.label_smoothing)),
    )


def arm_auc(cohort: DemoCohort, scores: NDArray[np.float64]) -> Estimate:
    """The IPCW AUC of scores (n,) at the label's horizon within the arm."""
    inside = (cohort.clinical["arm"] == ARM.value).to_numpy()
    horizon = read_protocol(PROTOCOL).label.horizon_days
    target = survival_target(cohort.clinical[inside])
    return auc_ipcw(target, scores[inside], horizon_days=horizon)


def measure(
    seeds: list[int], *, workers: int, folder: Path, on_step: Callable[[], None]
) -> list[Finding]:
    """The findings of every seed; `on_step` is called three times a seed."""
    # A forked child of a process that has loaded torch can hang.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        drawn = {pool.submit(draw_crops, s, folder / f"{s}.npy"): s for s in seeds}
        trained: dict[Future[Estimate], tuple[int, bool]] = {}
        for future in as_completed(drawn):
            on_step()
            for is_shuffled in (False, True):
                job = pool.submit(
                    network_auc, drawn[future], future.result(), is_shuffled=is_shuffled
                )
                trained[job] = (drawn[future], is_shuffled)
        aucs = {trained[job]: job.result() for job in _stepping(trained, on_step)}
    return [Finding(seed, _latent_auc(seed), aucs[seed, False], aucs[seed, True]) for seed in seeds]


def _stepping(
    jobs: dict[Future[Estimate], tuple[int, bool]], on_step: Callable[[], None]
) -> Iterator[Future[Estimate]]:
    for job in as_completed(jobs):
        on_step()
        yield job


def _latent_auc(seed: int) -> Estimate:
    cohort = make_cohort(seed=seed, n_by_arm=DEMO_SIZES)
    return arm_auc(cohort, cohort.latent_aggressiveness)


@dataclass(frozen=True)
class Summary:
    """Means over seeds; `shuffled_se` is the standard error of the shuffled mean."""

    latent: float
    network: float
    shuffled: float
    shuffled_se: float

    @classmethod
    def of(cls, findings: list[Finding]) -> "Summary":
        """The summary of some seeds."""
        errors = [_standard_error(finding.shuffled) for finding in findings]
        return cls(
            latent=_mean([finding.latent for finding in findings]),
            network=_mean([finding.network for finding in findings]),
            shuffled=_mean([finding.shuffled for finding in findings]),
            shuffled_se=sqrt(sum(error**2 for error in errors)) / len(errors),
        )

    @property
    def share_kept(self) -> float:
        """The network's excess over 0.5, as a share of the latent's."""
        return (self.network - 0.5) / (self.latent - 0.5)

    @property
    def is_learned(self) -> bool:
        """Whether enough of the latent's excess is kept."""
        return self.share_kept >= LEAST_SHARE_KEPT

    @property
    def is_null(self) -> bool:
        """Whether shuffled images predict nothing."""
        return abs(self.shuffled - 0.5) <= MOST_STANDARD_ERRORS * self.shuffled_se


def _mean(estimates: list[Estimate]) -> float:
    return float(np.mean([_number(estimate.value) for estimate in estimates]))


def _standard_error(estimate: Estimate) -> float:
    return (_number(estimate.upper) - _number(estimate.lower)) / (2 * 1.959964)


def _number(value: float | None) -> float:
    if value is None:
        msg = "an AUC of the demo cohort is not estimable; draw other seeds"
        raise ValueError(msg)
    return value


def show(findings: list[Finding], summary: Summary, console: Console) -> None:
    """The findings as a table, and the two verdicts."""
    table = Table(title="Out-of-fold AUC at three years within the hepatectomy arm")
    for column in ("seed", "latent", "ResNet18", "images shuffled"):
        table.add_column(column, justify="right")
    for finding in findings:
        cells = (finding.latent, finding.network, finding.shuffled)
        table.add_row(str(finding.seed), *(estimate.text(2) for estimate in cells))
    table.add_section()
    means = (summary.latent, summary.network, summary.shuffled)
    table.add_row("mean", *(f"{mean:.3f}" for mean in means), style="bold")
    console.print(table)
    console.print(
        f"Share of the latent's excess over 0.5 that is kept: {summary.share_kept:.2f} "
        f"(expected: at least {LEAST_SHARE_KEPT}): {_verdict(summary.is_learned)}"
    )
    console.print(
        f"Images shuffled: {summary.shuffled:.3f}, standard error {summary.shuffled_se:.3f} "
        f"(expected: within {MOST_STANDARD_ERRORS:g} of 0.5): {_verdict(summary.is_null)}"
    )


def _verdict(holds: bool) -> str:  # noqa: FBT001 - a word for a truth value
    return "holds" if holds else "does not hold"


def main() -> int:
    """Measure, show, and say by the exit status whether both expectations hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5, help="how many cohorts to draw")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    arguments = parser.parse_args()
    seeds = [DEMO_SEED + step for step in range(arguments.seeds)]
    console = Console()
    columns = (TextColumn("Cohorts drawn, networks trained"), BarColumn(), MofNCompleteColumn())
    with (
        tempfile.TemporaryDirectory() as folder,
        Progress(*columns, TimeElapsedColumn(), console=console) as progress,
    ):
        task = progress.add_task("", total=3 * len(seeds))
        findings = measure(
            seeds,
            workers=arguments.workers,
            folder=Path(folder),
            on_step=lambda: progress.advance(task),
        )
    summary = Summary.of(findings)
    show(findings, summary, console)
    return 0 if summary.is_learned and summary.is_null else 1


if __name__ == "__main__":
    sys.exit(main())
