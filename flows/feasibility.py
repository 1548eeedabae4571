"""Feasibility of a study from its clinical sheet: from files to a page, without any platform."""

from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pandas as pd

from components.arms.arm_overlap import arm_overlap
from components.arms.feasibility import assess_arm
from components.cohort.baseline import table_one
from components.cohort.eligibility import Eligibility, assess_eligibility
from components.cohort.endpoint import with_endpoint
from components.cohort.missingness import missingness
from components.cohort.split_rules import rule_text
from components.cohort.splitting import first_split
from components.errors import CohortRejected
from components.intake.clinical_import import ClinicalImport, import_clinical
from components.reporting.feasibility_page import FeasibilityContent, write_feasibility_page
from components.study.protocol import Protocol, SplitSection
from components.study.results import Adaptation
from components.study.vocabulary import TreatmentArm
from flows.lineage import package_version
from flows.table_inputs import TableInputs


@dataclass(frozen=True, eq=False)
class Feasible:
    """What was found, and the page that shows it."""

    content: FeasibilityContent
    page: Path


def assess_feasibility(inputs: TableInputs, protocol: Protocol, *, page: Path) -> Feasible:
    """What a clinical sheet says of a study before anyone contours.

    Patients are numbered in the sheet's order; no id of the sheet is shown.

    Raises:
        CohortRejected: The sheet as a whole cannot be used, or no eligible patient is left.
        UsageError: The protocol names what cannot be.
    """
    numbers = _Numbers()
    clinical = import_clinical(inputs.clinical, inputs.mapping, pseudonym=numbers.of)
    arms = tuple(arm for arm in protocol.study.arms if (clinical.table["arm"] == arm.value).any())
    eligible, eligibility = _eligible(clinical, protocol, arms)
    eligible, said = with_endpoint(eligible)
    arms = tuple(arm for arm in arms if (eligible["arm"] == arm.value).any())
    split, unsplit = _split(eligible, protocol)
    codebook = dict(clinical.variables)
    candidates = {arm: clinical.predictors.get(arm.value, ()) for arm in arms}
    pooled = tuple(dict.fromkeys(name for arm in arms for name in candidates[arm]))
    content = FeasibilityContent(
        title=inputs.mapping.study.title,
        study_id=inputs.mapping.study.id,
        origin=inputs.mapping.study.origin,
        byline=f"data {inputs.version.md5[:8]} \u00b7 protocol {protocol.hash()}",
        package_version=package_version(),
        protocol=protocol,
        test_rule=rule_text(protocol.split),
        eligibility=eligibility,
        quarantined=clinical.quarantined,
        arms=tuple(
            assess_arm(
                arm,
                eligible[eligible["arm"] == arm.value],
                split[eligible["arm"] == arm.value],
                candidates=candidates[arm],
                codebook=codebook,
                protocol=protocol,
            )
            for arm in arms
        ),
        overlaps=tuple(
            arm_overlap(
                eligible, first, second, pooled, codebook=codebook, seed=protocol.study.seed
            )
            for first, second in combinations(arms, 2)
        ),
        missing=missingness(eligible, arms=arms, codebook=codebook),
        baseline=table_one(
            eligible,
            eligible["arm"],
            title="At baseline, arm by arm",
            codebook=codebook,
            small_counts=protocol.cohort.small_counts,
        ),
        adaptations=(*clinical.adaptations, *said, *unsplit, *_absent_arms(protocol, arms)),
        notes=clinical.notes,
    )
    return Feasible(content, write_feasibility_page(content, page))


class _Numbers:
    """A number for each patient of a sheet, in the order in which they appear."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def of(self, real_id: str) -> str:
        """The patient's number."""
        return self._known.setdefault(real_id, f"patient-{len(self._known) + 1:04d}")


def _eligible(
    clinical: ClinicalImport, protocol: Protocol, arms: tuple[TreatmentArm, ...]
) -> tuple[pd.DataFrame, Eligibility]:
    """Who is eligible by the sheet; an empty predictor excludes nobody here: it is counted.

    Raises:
        CohortRejected: Nobody is left.
    """
    if not arms:
        named = ", ".join(arm.value for arm in protocol.study.arms)
        msg = f"no patient of the sheet belongs to an arm of the protocol ({named})"
        raise CohortRejected(msg)
    eligible, eligibility = assess_eligibility(
        clinical.table,
        clinical.quarantined,
        section=protocol.eligibility.model_copy(update={"require_complete_clinical_data": False}),
        arms=arms,
        predictors=(),
    )
    if eligible.empty:
        costs = "; ".join(
            f"{stage.name}: {sum(lost.values()) + other}"
            for stage, lost, other in eligibility.steps
        )
        msg = f"no eligible patient is left of {eligibility.stages[0].total} ({costs})"
        raise CohortRejected(msg)
    return eligible, eligibility


def _split(table: pd.DataFrame, protocol: Protocol) -> tuple[pd.Series, list[Adaptation]]:
    """A split as the protocol would draw it, or at random where its rule cannot be followed."""
    section = protocol.split.model_copy(update={"test_patients": None})
    try:
        return first_split(table, section=section, seed=protocol.study.seed), []
    except CohortRejected as error:
        if section.by == "random":
            raise
        drawn = SplitSection(test_share=section.test_share)
        said = Adaptation(
            step="split",
            asked=f"a split by {section.by}",
            done="test patients drawn at random, to see how many there would be",
            why=str(error),
        )
        return first_split(table, section=drawn, seed=protocol.study.seed), [said]


def _absent_arms(protocol: Protocol, arms: tuple[TreatmentArm, ...]) -> list[Adaptation]:
    return [
        Adaptation(
            step="tables",
            asked=f"the arm {arm.label}",
            done=f"nothing is said of {arm.label}",
            why="no eligible patient of the sheet belongs to it",
        )
        for arm in protocol.study.arms
        if arm not in arms
    ]
