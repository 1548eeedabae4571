"""Hand-crafted radiomics beside the backbones: the same folds, the same figures, paired."""

from components.arms.radiomics_records import FeatureStability, RadiomicsLabel
from components.networks.records import BackboneChoice
from components.reporting.blocks import Block, Bullets, Prose, Rows, Section
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.wording import count_text, estimate_text, p_text
from components.study.vocabulary import TreatmentArm

_TITLE = "Radiomics beside the backbones"
_POOLED = "pooled"
_SHOWN_UNSTABLE = 12


def radiomics_section(
    label: RadiomicsLabel, choice: BackboneChoice, stability: FeatureStability | None
) -> Section:
    """What the chosen backbone is worth beyond hand-crafted features, then every figure."""
    blocks: list[Block] = [
        Prose(_first(label, choice), tone="key"),
        Rows(_figures(label, choice)),
    ]
    if label.differences:
        blocks.append(Rows(_differences(label, choice)))
    return Section("radiomics", _TITLE, (*blocks, Bullets(_how_to_read(label, stability))))


def _first(label: RadiomicsLabel, choice: BackboneChoice) -> str:
    found = next(
        (
            one
            for one in label.differences
            if (one.backbone, one.group) == (choice.backbone, _POOLED)
        ),
        None,
    )
    if found is None or found.estimate.value is None:
        return (
            f"{choice.backbone} and hand-crafted radiomics could not be compared in the same "
            "patients."
        )
    tested = p_text(found.p_value)
    return (
        f"{choice.backbone} minus hand-crafted radiomics, out of fold in the same "
        f"{found.estimate.n} patients: pooled AUC {estimate_text(found.estimate)}, p {tested}. The "
        "backbone's configuration was chosen by these patients and the radiomics model was not: "
        "the difference flatters the backbone."
    )


def _figures(label: RadiomicsLabel, choice: BackboneChoice) -> Table:
    footnotes = Footnotes()
    columns = ("Model", *(arm.label for arm in label.within_arm_auc), "Pooled", "Accuracy")
    rows = [
        (
            row.backbone,
            *(footnotes.cell(row.within_arm_auc.get(arm)) for arm in label.within_arm_auc),
            *(footnotes.cell(one) for one in (row.pooled_auc, row.accuracy)),
            *(footnotes.cell(one) for one in (row.sensitivity, row.specificity)),
        )
        for row in choice.rows
    ]
    own = (label.pooled_auc, label.accuracy, label.sensitivity, label.specificity)
    rows.append(
        (
            "radiomics",
            *(footnotes.cell(one) for one in label.within_arm_auc.values()),
            *(footnotes.cell(one) for one in own),
        )
    )
    return table(
        "Backbones and radiomics: AUC at the label's horizon and classification, out of fold",
        (*columns, "Sensitivity", "Specificity"),
        rows,
        notes=[
            "A ridge logistic regression of the label on the features, in the networks' folds; "
            "cut-off: Youden's on the same scores.",
            *footnotes.lines(),
        ],
    )


def _differences(label: RadiomicsLabel, choice: BackboneChoice) -> Table:
    names = {arm.value: arm.label for arm in TreatmentArm} | {_POOLED: "arms pooled"}
    rows = [
        (
            one.backbone,
            names[one.group],
            str(one.estimate.n),
            estimate_text(one.estimate),
            p_text(one.p_value),
        )
        for one in label.differences
    ]
    chosen = [n for n, one in enumerate(label.differences) if one.backbone == choice.backbone]
    return table(
        "AUC of a backbone minus that of radiomics in the same patients",
        ("Backbone", "Patients", "n", "Difference", "p"),
        rows,
        notes=["Paired influence functions; p-values are not adjusted for the number of rows."],
        marked_rows=chosen,
    )


def _how_to_read(label: RadiomicsLabel, stability: FeatureStability | None) -> tuple[str, ...]:
    penalties = ", ".join(f"{value:g}" for value in label.penalties)
    said = [
        f"{count_text(label.n_features, 'feature')} of the ROI in both phases, "
        f"{count_text(label.n, 'training patient')}; inverse penalties of the folds: {penalties}."
    ]
    if stability is None:
        said.append("No feature was left out for instability (radiomics.stability).")
        return tuple(said)
    unstable = stability.unstable
    named = ", ".join(unstable[:_SHOWN_UNSTABLE])
    more = f" and {len(unstable) - _SHOWN_UNSTABLE} more" if len(unstable) > _SHOWN_UNSTABLE else ""
    listed = f": {named}{more}" if unstable else ""
    said.append(
        f"{count_text(len(unstable), 'feature')} with an ICC(1, 1) below "
        f"{stability.minimum_icc:g} over {stability.perturbations} perturbed ROIs of "
        f"{count_text(stability.n_patients, 'training patient')} had no part{listed}."
    )
    return tuple(said)
