"""The report's first screen: what was found."""

from components.reporting.blocks import Block, Bullets, Heading, Prose, Rows, Section, Tile, Tiles
from components.reporting.content import ReportContent
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.model_tables import c_index_table
from components.reporting.tables import decision_table
from components.reporting.wording import ABSENT, count_text, estimate_text
from components.study.vocabulary import Split

NULL_SIGNATURE = (
    "The deep-learning signature is null: no deep feature survived the penalty. The clinical "
    "nomograms are judged instead and the signature is not promoted."
)


def summary_section(content: ReportContent) -> Section:
    """Cohort, backbones, six models and decision on one screen."""
    blocks: list[Block] = []
    if content.signature_is_null:
        blocks.append(Prose(NULL_SIGNATURE, tone="warning"))
    blocks += [
        Prose(f"Decision of the gate: {content.decision.verdict}. {last_reason(content)}", "key"),
        _tiles(content),
        Rows(_cohort_table(content)),
        Rows(_short_backbone_table(content)),
        Rows(c_index_table(content.arms)),
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


def last_reason(content: ReportContent) -> str:
    """The sentence in which the gate sums up."""
    return content.decision.reasons[-1] if content.decision.reasons else ""


def _tiles(content: ReportContent) -> Tiles:
    n, deaths = content.count()
    return Tiles(
        (
            Tile(str(n), f"patients, {deaths} deaths"),
            *(_arm_tile(content, index) for index in range(len(content.arms))),
            Tile(content.choice.backbone, "backbone chosen"),
            Tile(content.decision.verdict, "the gate's answer"),
            Tile(content.data.md5[:8], "data version"),
        )
    )


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


def _short_backbone_table(content: ReportContent) -> Table:
    arms = list(content.choice.rows[0].within_arm_auc) if content.choice.rows else []
    footnotes = Footnotes()
    rows = [
        (
            row.backbone,
            *(footnotes.cell(row.within_arm_auc.get(arm)) for arm in arms),
            footnotes.cell(row.pooled_auc),
            footnotes.cell(row.arm_only_auc),
        )
        for row in content.choice.rows
    ]
    marked = [index for index, row in enumerate(content.choice.rows) if row.is_chosen]
    heads = tuple(f"AUC within {arm.label}" for arm in arms)
    return table(
        "Backbones, out of fold",
        ("Backbone", *heads, "AUC pooled", "AUC of the arm alone"),
        rows,
        notes=[content.choice.reason, *footnotes.lines()],
        marked_rows=marked,
    )
