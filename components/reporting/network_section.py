"""Search and comparison of the backbones, and the signature made of their features."""

from components.networks.arm_signal import signal_sentence
from components.networks.records import BackboneChoice, SearchResult
from components.reporting.blocks import Block, Folded, Prose, Rows, Section, picture
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import notes_beside
from components.reporting.honest_blocks import honest_blocks
from components.reporting.html_table import Table
from components.reporting.network_tables import (
    backbone_table,
    classification_table,
    pairs_table,
    test_accuracy_table,
    trials_table,
)
from components.reporting.probability_blocks import probability_blocks
from components.reporting.roc_figures import draw_backbone_roc
from components.reporting.search_figures import draw_learning_curves
from components.reporting.tables import ledger_table
from components.reporting.wording import count_text
from components.study.vocabulary import Split


def backbone_section(
    search: SearchResult, choice: BackboneChoice, content: ReportContent
) -> Section:
    """What the scores tell apart, labels, comparison tables, ROC curves, and the search."""
    blocks: list[Block] = [
        *signal_blocks(choice),
        Rows(_training_labels(content)),
        Rows(backbone_table(choice)),
        *honest_blocks(choice, content.network_checks, origin=content.origin),
        *_pair_blocks(choice),
        Rows(classification_table(choice)),
        *_test_blocks(choice),
        _readings(content),
        *probability_blocks(choice, origin=content.origin),
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


def signal_blocks(choice: BackboneChoice) -> list[Block]:
    """A warning where the chosen scores do not evidently tell the patients of an arm apart."""
    row = choice.chosen_row
    said = None if row is None or row.signal is None else signal_sentence(row.signal)
    return [] if said is None else [Prose(said, tone="warning")]


def _training_labels(content: ReportContent) -> Table:
    rows = tuple(row for row in content.ledger.rows if row.split == Split.TRAIN.value)
    return ledger_table(
        content.ledger.model_copy(update={"rows": rows}),
        unknown=content.protocol.label.unknown,
        title="What the networks learn from: training patients by risk label",
    )


def _readings(content: ReportContent) -> Prose:
    """When and how often the test patients were read, this section's figures being without them."""
    readings = content.readings
    if not readings:
        return Prose("The test patients have not been read: no figure of this section is of them.")
    last = readings[-1]
    own = [one for one in readings if one.run_id == content.provenance.mlflow_run_id]
    listed = "; ".join(f"{one.when}: {one.purpose}" for one in own)
    return Prose(
        f"The test patients of this data version were read {count_text(len(readings), 'time')} in "
        f"all, the last time {last.when}"
        + (f"; in this run: {listed}." if own else "; not in this run.")
        + " Every reading stands under Provenance."
    )


def _pair_blocks(choice: BackboneChoice) -> list[Block]:
    return [Rows(pairs_table(choice))] if choice.pairs else []


def _test_blocks(choice: BackboneChoice) -> list[Block]:
    """What the test patients said of each backbone, where they were let to choose."""
    return [Rows(test_accuracy_table(choice))] if any(row.on_test for row in choice.rows) else []
