"""The page of a study's feasibility: what the clinical sheet alone says, before anyone contours."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.arms.feasibility_records import ArmFeasibility, ArmOverlap
from components.cohort.baseline import TableOne
from components.cohort.eligibility import Eligibility
from components.cohort.missingness import Missingness
from components.reporting.blocks import (
    Block,
    Bullets,
    Heading,
    Prose,
    Rows,
    Section,
    Tile,
    Tiles,
    picture,
)
from components.reporting.cohort_section import missing_blocks
from components.reporting.feasibility_figures import draw_accrual, draw_overlap, draw_survival
from components.reporting.feasibility_tables import (
    horizon_table,
    overlap_table,
    patients_table,
    size_table,
)
from components.reporting.feasibility_verdict import arm_sentences, gate_sentence
from components.reporting.flow_diagram import PartCount, draw_flow
from components.reporting.html_table import Table, table, template_environment
from components.reporting.tables import adaptations_table, eligibility_table, table_one
from components.study.protocol import Protocol
from components.study.results import Adaptation, Quarantined
from components.study.vocabulary import DataOrigin, Split

_CAVEAT = (
    "A sheet says nothing of the images: patients without usable CT or ROI will be missing from "
    "these numbers. Figures of a model are those of the clinical predictors alone."
)


@dataclass(frozen=True, kw_only=True)
class FeasibilityContent:
    """The records of a feasibility check.

    Attributes:
        byline: Under the title.
        test_rule: Who would test, in words.
        arms: The arms of which the sheet has an eligible patient.
        overlaps: Each pair of them.
        notes: What a reader must know of the sheet as it was read.
    """

    title: str
    study_id: str
    origin: DataOrigin
    byline: str
    package_version: str
    protocol: Protocol
    test_rule: str
    eligibility: Eligibility
    quarantined: tuple[Quarantined, ...]
    arms: tuple[ArmFeasibility, ...]
    overlaps: tuple[ArmOverlap, ...]
    missing: Missingness
    baseline: TableOne
    adaptations: tuple[Adaptation, ...]
    notes: tuple[str, ...]

    def lines(self) -> tuple[str, ...]:
        """What it comes to, in sentences: who is left, the arms, their overlap, the gaps."""
        return (
            self._flow(),
            *(sentence for arm in self.arms for sentence in arm_sentences(arm, self.protocol)),
            *(overlap.sentence for overlap in self.overlaps),
            self.missing.sentence,
            *([self.missing.notable] if self.missing.notable else []),
            *(self._not_assessable()),
        )

    def _flow(self) -> str:
        first, last = self.eligibility.stages[0], self.eligibility.stages[-1]
        costs = [
            f"{stage.name} ({sum(lost.values()) + other} fewer)"
            for stage, lost, other in self.eligibility.steps
            if sum(lost.values()) + other
        ]
        by = f": {'; '.join(costs)}" if costs else ""
        return f"Of {first.total} patients of the sheet {last.total} are left{by}."

    def _not_assessable(self) -> list[str]:
        rules = self.eligibility.not_assessable
        if not rules:
            return []
        return [f"Rules of eligibility that the sheet cannot answer: {'; '.join(rules)}."]


def feasibility_sections(content: FeasibilityContent) -> tuple[Section, ...]:
    """The page's sections in reading order."""
    return (
        _answer(content),
        _events(content),
        _size(content),
        *([_overlap(content)] if content.overlaps else []),
        _patients(content),
        _sheet(content),
    )


def _answer(content: FeasibilityContent) -> Section:
    tiles = [
        Tile(f"{one.n}", f"{one.arm.label}: eligible patients, {one.n_events} died")
        for one in content.arms
    ]
    tiles += [
        Tile(
            f"{one.c_statistic:.2f}",
            f"c-statistic of {one.first.label} against {one.second.label} (0.5: alike)",
        )
        for one in content.overlaps
        if one.c_statistic is not None
    ]
    blocks: tuple[Block, ...] = (
        Tiles(tuple(tiles)),
        Bullets(content.lines()),
        Prose(_CAVEAT, tone="warning"),
    )
    return Section("answer", "What the sheet allows", blocks)


def _events(content: FeasibilityContent) -> Section:
    rule = content.protocol.evaluation
    blocks: list[Block] = [
        picture(
            draw_survival(
                content.arms, content.protocol.study.horizons_days, origin=content.origin
            ),
            caption="Kaplan-Meier curves of the eligible patients, with intervals and numbers at "
            "risk; vertical lines are the protocol's horizons.",
            alt="Survival curves of the arms; deaths and survival by horizon stand in the table",
        ),
        Rows(patients_table(content.arms)),
        Rows(horizon_table(content.arms)),
        Prose(
            "A figure at a horizon is reported only with at least "
            f"{rule.minimum_events_before} deaths before and {rule.minimum_at_risk_after} patients "
            f"at risk after it. Split: {content.test_rule}."
        ),
    ]
    if any(one.accrual is not None for one in content.arms):
        blocks.append(
            picture(
                draw_accrual(content.arms, origin=content.origin),
                caption="Eligible patients by quarter of treatment.",
                alt="Bars of patients by quarter; the pace stands in the table",
            )
        )
    return Section("events", "Deaths and follow-up", tuple(blocks))


def _size(content: FeasibilityContent) -> Section:
    candidates = tuple(
        f"{one.arm.label}: {', '.join(one.candidates) or 'none'}" for one in content.arms
    )
    blocks: tuple[Block, ...] = (
        Rows(size_table(content.arms)),
        Prose("Candidate predictors, as the mapping names them:"),
        Bullets(candidates),
        Heading("The gate on a later model"),
        Bullets(tuple(gate_sentence(one) for one in content.arms)),
    )
    return Section("size", "Size of the models", blocks)


def _overlap(content: FeasibilityContent) -> Section:
    blocks: list[Block] = []
    for one in content.overlaps:
        blocks.append(Prose(one.sentence, tone="key"))
        if one.c_statistic is not None:
            drawn = picture(
                draw_overlap(one, origin=content.origin),
                caption="Out-of-fold propensities, each arm's shares back to back; dotted lines at "
                "0.1 and 0.9.",
                alt="Propensity histograms of both arms; their figures stand in the table",
            )
            blocks += [drawn, Rows(overlap_table(one))]
    return Section("overlap", "Overlap of the arms", tuple(blocks))


def _patients(content: FeasibilityContent) -> Section:
    parts = [
        PartCount(arm=one.arm, split=split, n=n, n_events=events)
        for one in content.arms
        for split, n, events in (
            (Split.TRAIN, one.n_train, one.n_train_events),
            (Split.TEST, one.n_test, one.n_test_events),
        )
    ]
    flow = picture(
        draw_flow(content.eligibility, content.quarantined, parts, origin=content.origin),
        caption="Flow of patients by the sheet alone.",
        alt="Flow diagram; its counts stand in the table",
    )
    blocks: list[Block] = [flow, Rows(eligibility_table(content.eligibility))]
    if content.quarantined:
        blocks.append(Rows(_reasons(content.quarantined)))
    blocks += [Heading("Baseline"), Rows(table_one(content.baseline))]
    blocks += missing_blocks(content.missing, origin=content.origin)
    return Section("patients", "Patients", tuple(blocks))


def _reasons(quarantined: Sequence[Quarantined]) -> Table:
    """Why patients were set aside; counted, nobody is named."""
    counts: dict[str, int] = {}
    for one in quarantined:
        counts[one.reason] = counts.get(one.reason, 0) + 1
    rows = [(reason, str(n)) for reason, n in counts.items()]
    return table("Set aside when the sheet was read", ("Reason", "Patients"), rows)


def _sheet(content: FeasibilityContent) -> Section:
    notes = tuple(
        dict.fromkeys([*content.notes, *(note for arm in content.arms for note in arm.notes)])
    )
    blocks: list[Block] = [Rows(adaptations_table(content.adaptations))]
    if notes:
        blocks.append(Bullets(notes))
    return Section("sheet", "How the sheet was read", tuple(blocks))


def write_feasibility_page(content: FeasibilityContent, path: Path) -> Path:
    """One HTML page that needs nothing but itself; its path."""
    page = (
        template_environment()
        .get_template("report.html.j2")
        .render(
            title=f"Feasibility: {content.title}",
            study_id=content.study_id,
            is_synthetic=content.origin is DataOrigin.SYNTHETIC,
            byline=f"From the clinical sheet alone \u00b7 {content.byline} \u00b7 armwise "
            f"{content.package_version}",
            package_version=content.package_version,
            sections=feasibility_sections(content),
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
