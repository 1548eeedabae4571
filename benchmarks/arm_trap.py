"""The trap: images that show which treatment a patient had, and nothing else.

The two arms differ in prognosis, so whoever knows the arm alone predicts death by three years with
a pooled AUC near 0.7. A network that is trained on such images learns the arm, because that is all
there is to learn, and its pooled figures look like a finding. The whole path is gone as a
retraining goes it: cross-validation of the networks, the table they are chosen from, the
cross-fitted signature, the Cox models of the arms, the gate and the report's section. Pooled
figures must be near 0.7, figures within an arm near 0.5, the report must say what that means, and
nothing may be promoted.

Run `python -m benchmarks arm_trap`. The exit status is 1 where an expectation does not hold.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.trap_cohort import (
    HORIZON_DAYS,
    N_TRAIN,
    Size,
    draw_trap,
    training_set,
    trap_protocol,
)
from benchmarks.trap_path import Judged, features_of, judge, score, search_networks
from benchmarks.trap_report import trap_report
from components.cohort.endpoint import survival_target
from components.networks.records import BackboneChoice, BackboneRow
from components.study.vocabulary import Split, TreatmentArm
from components.survival.discrimination import auc_ipcw

SEED = 2026
POOLED = (0.66, 0.74)
WITHIN = (0.47, 0.53)
SENTENCE = "the arms apart, not the patients"


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the path made of the trap.

    `within_signature` is the AUC of the cross-fitted signature within each arm; `page` the report.
    """

    choice: BackboneChoice
    within_signature: dict[TreatmentArm, float | None]
    judged: Judged
    page: str

    @property
    def row(self) -> BackboneRow:
        """The row of the chosen backbone."""
        return next(row for row in self.choice.rows if row.is_chosen)


def spring(size: Size, *, seed: int) -> Outcome:
    """The whole path over one trap."""
    protocol = trap_protocol(size, seed=seed)
    trap = draw_trap(size, seed=seed)
    patients = training_set(trap, protocol)
    with tempfile.TemporaryDirectory(prefix="armwise-trap-") as folder:
        search, choice = search_networks(patients, protocol, Path(folder) / "search")
        features = features_of(
            trap, patients, search, choice, protocol=protocol, folder=Path(folder) / "refit"
        )
    scored = score(trap, patients, features, protocol=protocol)
    train = scored.table[trap.side(Split.TRAIN)]
    within = {
        arm: auc_ipcw(
            survival_target(rows), rows["dl_signature"].to_numpy(), horizon_days=HORIZON_DAYS
        ).value
        for arm in protocol.study.arms
        for rows in [train[train["arm"] == arm.value]]
    }
    judged = judge(scored, choice, protocol)
    page = trap_report(search, choice, scored, judged, protocol=protocol)
    return Outcome(choice, within, judged, page)


def verdicts(outcome: Outcome) -> dict[str, tuple[str, bool]]:
    """Each expectation: what came, and whether it holds."""
    row = outcome.row
    found = {
        "pooled AUC, out of fold": (row.pooled_auc.text(), _inside(row.pooled_auc.value, POOLED)),
        "AUC of the arm alone": (row.arm_only_auc.text(), _inside(row.arm_only_auc.value, POOLED)),
    }
    for arm, within in row.within_arm_auc.items():
        found[f"AUC within {arm.label}"] = (within.text(), _inside(within.value, WITHIN))
    for arm, value in outcome.within_signature.items():
        said = "-" if value is None else f"{value:.3f}"
        found[f"AUC of the signature within {arm.label}"] = (said, _inside(value, WITHIN))
    said = "said" if SENTENCE in outcome.page else "not said"
    found[f"report: '{SENTENCE}'"] = (said, said == "said")
    found["the gate"] = (outcome.judged.decision.verdict, not outcome.judged.decision.is_promoted)
    return found


def _inside(value: float | None, bounds: tuple[float, float]) -> bool:
    return value is not None and bounds[0] <= value <= bounds[1]


def show(found: dict[str, tuple[str, bool]], console: Console) -> None:
    """A row for each expectation."""
    table = Table(title="Images that carry only the arm")
    for column in ("Figure", "Came", ""):
        table.add_column(column)
    for name, (came, holds) in found.items():
        table.add_row(name, came, "holds" if holds else "does not hold")
    console.print(table)


def main() -> int:
    """Spring the trap, show, and say by the exit status whether every expectation holds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=N_TRAIN, help="training patients")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--fine-tune", action="store_true", help="train whole networks")
    arguments = parser.parse_args()
    size = Size(
        n_train=arguments.patients,
        n_test=arguments.patients // 4,
    )
    if arguments.fine_tune:
        size = replace(size, training="fine_tune", learning_rates=(1e-3, 3e-3))
    found = verdicts(spring(size, seed=arguments.seed))
    show(found, Console(width=110))
    return 0 if all(holds for _, holds in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
