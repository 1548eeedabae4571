"""Search and comparison of the backbones, and the signature made of their features."""

from components.networks.records import BackboneChoice, SearchResult
from components.reporting.blocks import Block, Folded, Rows, Section, picture
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import notes_beside
from components.reporting.network_tables import (
    backbone_table,
    classification_table,
    test_accuracy_table,
    trials_table,
)
from components.reporting.roc_figures import draw_backbone_roc
from components.reporting.search_figures import draw_learning_curves


def backbone_section(
    search: SearchResult, choice: BackboneChoice, content: ReportContent
) -> Section:
    """The search, the comparison table and the ROC curves."""
    blocks: list[Block] = [
        Rows(backbone_table(choice)),
        Rows(classification_table(choice)),
        *_test_blocks(choice),
        *notes_beside(content, "backbones"),
        picture(
            draw_backbone_roc(
                choice.rows,
                horizon_days=content.protocol.label.horizon_days,
                origin=content.origin,
            ),
            caption="The backbones' out-of-fold scores. The arm alone predicts the label: a pooled "
            "curve is to be read beside the figures within each arm.",
            alt="ROC curves of the backbones, and their AUC within each arm",
        ),
        picture(
            draw_learning_curves(
                search, choice, rungs=content.protocol.search.rungs, origin=content.origin
            ),
            caption="Tuning target after each epoch. Vertical lines: halving; a cross ends a "
            "stopped trial; the number is the configuration's.",
            alt="Learning curves of all trials; their ends stand in the table of trials",
        ),
        Folded("All trials of the search", (Rows(trials_table(search)),)),
    ]
    return Section("backbones", "Backbones", tuple(blocks))


def _test_blocks(choice: BackboneChoice) -> list[Block]:
    """What the test patients said of each backbone, where they were let to choose."""
    return [Rows(test_accuracy_table(choice))] if any(row.on_test for row in choice.rows) else []
