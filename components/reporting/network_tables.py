"""The tables of search and backbones."""

from components.networks.records import BackboneChoice, SearchResult, TrialResult
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.wording import ABSENT, estimate_text, number, p_text

_GIGA = 1e9


def backbone_table(choice: BackboneChoice) -> Table:
    """The backbones' discrimination side by side, out of fold."""
    arms = list(choice.rows[0].within_arm_auc) if choice.rows else []
    footnotes = Footnotes()
    rows = [
        (
            row.backbone,
            row.configuration.key,
            *(
                footnotes.cell(estimate)
                for estimate in (
                    row.tuning_target,
                    *(row.within_arm_auc.get(arm) for arm in arms),
                    row.pooled_auc,
                    row.arm_only_auc,
                )
            ),
        )
        for row in choice.rows
    ]
    heads = tuple(f"AUC within {arm.label}" for arm in arms)
    notes = [
        choice.reason,
        "The tuning target is the largest of several configurations: it is selected, not a "
        "performance. A pooled AUC is to be read beside that of the arm alone.",
        *footnotes.lines(),
    ]
    return table(
        "Backbones, out of fold in the training patients",
        ("Backbone", "Trial", "Tuning target (selected)", *heads, "AUC pooled", "Arm alone"),
        rows,
        notes=notes,
        marked_rows=_chosen(choice),
        text_columns=(1,),
    )


def pairs_table(choice: BackboneChoice) -> Table:
    """The backbones against each other on the same patients."""
    footnotes = Footnotes()
    rows = [
        (
            f"{pair.first} \u2212 {pair.second}",
            footnotes.cell(pair.difference),
            p_text(pair.p) or ABSENT,
            p_text(pair.p_holm) or ABSENT,
        )
        for pair in choice.pairs
    ]
    notes = [
        "Both scores of a pair are of the same patients, out of fold: paired influence functions, "
        "p-values adjusted by Holm for all pairs. They take the networks as given, whose training "
        "patients overlap and whose configurations were chosen by these figures: the intervals "
        "cover less than they say, as DeLong's do on such scores.",
        *footnotes.lines(),
    ]
    return table(
        "Backbones against each other: difference of the tuning targets",
        ("Pair", "Difference", "p", "p, Holm"),
        rows,
        notes=notes,
    )


def classification_table(choice: BackboneChoice) -> Table:
    """What each backbone classifies right at its cut-off, and what it costs."""
    footnotes = Footnotes()
    rows = [
        (
            row.backbone,
            *(footnotes.cell(one) for one in (row.accuracy, row.sensitivity, row.specificity)),
            number(row.cutoff, 3),
            f"{row.multiply_adds / _GIGA:.2f}",
            str(row.epochs_done),
        )
        for row in choice.rows
    ]
    columns = (
        "Backbone",
        "Accuracy",
        "Sensitivity",
        "Specificity",
        "Cut-off",
        "Multiply-adds, 10\u2079",
        "Epochs",
    )
    notes = [
        f"Out of fold, arms pooled, {_weighting(choice)}; the cut-off is Youden's on the same "
        "scores, which flatters all three.",
        *footnotes.lines(),
    ]
    return table(
        "Classification by the backbones",
        columns,
        rows,
        notes=notes,
        marked_rows=_chosen(choice),
    )


def _weighting(choice: BackboneChoice) -> str:
    return (
        "patients with a known label alone" if choice.unknown_dropped else "weighted for censoring"
    )


def test_accuracy_table(choice: BackboneChoice) -> Table:
    """The test patients' figures by which a backbone was chosen."""
    rows = []
    for row in choice.rows:
        if row.on_test is not None:
            found = row.on_test
            figures = (found.accuracy, found.sensitivity, found.specificity, found.auc)
            rows.append((row.backbone, *map(estimate_text, figures)))
    return table(
        "The backbones on the test patients, who chose among them",
        ("Backbone", "Accuracy", "Sensitivity", "Specificity", "AUC pooled"),
        rows,
        notes=[
            f"Refitted on all training patients; arms pooled, {_weighting(choice)}; cut-off: "
            "Youden's on the out-of-fold scores. The largest of several accuracies on the same "
            "patients is too good."
        ],
        marked_rows=_chosen(choice),
    )


def _chosen(choice: BackboneChoice) -> list[int]:
    return [index for index, row in enumerate(choice.rows) if row.is_chosen]


def trials_table(search: SearchResult) -> Table:
    """Every configuration that was tried and how far it came."""
    columns = (
        "Trial",
        "Learning rate",
        "Weight decay",
        "Dropout",
        "Label smoothing",
        "Epochs",
        "Ended",
        "Tuning target",
        "Seconds",
    )
    notes = [
        f"Device: {search.device}; mixed precision: {'yes' if search.mixed_precision else 'no'}.",
        *_started_from(search),
    ]
    return table(
        "Trials of the search",
        columns,
        [_trial_row(trial) for trial in search.trials],
        notes=notes,
        text_columns=(6,),
    )


def _started_from(search: SearchResult) -> list[str]:
    """What the networks of each backbone were before their first epoch."""
    started: dict[str, set[str]] = {}
    for trial in search.trials:
        if trial.initialization is not None:
            named = "random weights" if trial.initialization == "random" else trial.initialization
            started.setdefault(named, set()).add(trial.configuration.backbone)
    return [f"Started from {named}: {', '.join(sorted(who))}." for named, who in started.items()]


def _trial_row(trial: TrialResult) -> tuple[str, ...]:
    settings = trial.configuration
    target = trial.tuning_target
    return (
        settings.key,
        f"{settings.learning_rate:.2e}",
        f"{settings.weight_decay:.2e}",
        f"{settings.dropout:.2f}",
        f"{settings.label_smoothing:.3f}",
        str(trial.epochs_done),
        trial.status,
        ABSENT if target is None else f"{target:.3f}",
        f"{trial.seconds:.1f}",
    )
