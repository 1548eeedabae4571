"""The report's first screen: what was found."""

from components.networks.records import BackboneChoice
from components.reporting.blocks import Block, Bullets, Heading, Prose, Rows, Section, Tile, Tiles
from components.reporting.content import ReportContent
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.model_tables import c_index_table
from components.reporting.nested_section import conclusion
from components.reporting.network_section import signal_blocks
from components.reporting.tables import decision_table
from components.reporting.wording import ABSENT, count_text, estimate_text
from components.study.vocabulary import SignatureState, Split

NULL_SIGNATURE = (
    "The deep-learning signature is null: no deep feature survived the penalty. The clinical "
    "nomograms are judged instead and the signature is not promoted."
)


def summary_section(content: ReportContent) -> Section:
    """Cohort, backbones, models and decision on one screen."""
    blocks: list[Block] = []
    if content.nested is not None:
        blocks.append(Prose(conclusion(content.nested), tone="key"))
    if content.choice is not None:
        blocks += signal_blocks(content.choice)
    if content.signature_state is SignatureState.NULL:
        blocks.append(Prose(NULL_SIGNATURE, tone="warning"))
    blocks += [Prose(_gate_sentence(content), "key"), _tiles(content), Rows(_cohort_table(content))]
    if content.choice is not None:
        blocks.append(Rows(_short_backbone_table(content.choice)))
    blocks.append(Rows(c_index_table(content.arms)))
    if content.evidence is not None and content.decision is not None:
        blocks += [
            Heading("Promotion"),
            Rows(decision_table(content.decision, content.evidence)),
            Bullets(content.decision.reasons),
        ]
    if content.adaptations:
        blocks.append(
            Prose(
                "The run departed from its protocol in "
                f"{count_text(len(content.adaptations), 'place')}; see Deviations and limitations."
            )
        )
    return Section("summary", "Summary", tuple(blocks))


def _gate_sentence(content: ReportContent) -> str:
    decision = content.decision
    if decision is None:
        return "Nothing was published: these models are not in the registry."
    summed_up = decision.reasons[-1] if decision.reasons else ""
    return f"Decision of the gate: {decision.verdict}. {summed_up}"


def _tiles(content: ReportContent) -> Tiles:
    n, deaths = content.count()
    tiles = [Tile(str(n), f"patients, {deaths} deaths")]
    tiles += [_arm_tile(content, index) for index in range(len(content.arms))]
    if content.choice is not None:
        tiles.append(Tile(content.choice.backbone, "backbone chosen"))
    if content.decision is not None:
        tiles.append(Tile(content.decision.verdict, "the gate's answer"))
    return Tiles((*tiles, Tile(content.data.md5[:8], "data version")))


def _arm_tile(content: ReportContent, index: int) -> Tile:
    arm = content.arms[index]
    estimate = arm.evaluation(arm.nomogram_kind, Split.TEST).estimates.get("c_harrell")
    label = f"Harrell's C, {arm.arm.label} nomogram, test"
    if estimate is None or estimate.value is None:
        return Tile(ABSENT, f"{label}: not estimable")
    _, _, interval = estimate_text(estimate).partition(" ")
    return Tile(f"{estimate.value:.3f}", f"{label} {interval}")


def _cohort_table(content: ReportContent) -> Table:
    rows = []
    for arm in content.protocol.study.arms:
        train, test = content.count(arm, Split.TRAIN), content.count(arm, Split.TEST)
        row = [arm.label, f"{train[0]} ({train[1]})", f"{test[0]} ({test[1]})"]
        rows.append((*row, estimate_text(content.follow_up.get(arm), 0)))
    return table(
        "Cohort",
        ("Arm", "Training n (deaths)", "Test n (deaths)", "Median follow-up, days"),
        rows,
    )


def _short_backbone_table(choice: BackboneChoice) -> Table:
    arms = list(choice.rows[0].within_arm_auc) if choice.rows else []
    footnotes = Footnotes()
    rows = [
        (
            row.backbone,
            *(footnotes.cell(row.within_arm_auc.get(arm)) for arm in arms),
            footnotes.cell(row.pooled_auc),
            footnotes.cell(row.arm_only_auc),
        )
        for row in choice.rows
    ]
    marked = [index for index, row in enumerate(choice.rows) if row.is_chosen]
    heads = tuple(f"AUC within {arm.label}" for arm in arms)
    return table(
        "Backbones, out of fold",
        ("Backbone", *heads, "AUC pooled", "AUC of the arm alone"),
        rows,
        notes=[choice.reason, *footnotes.lines()],
        marked_rows=marked,
    )
