"""Model cards: what a registered model is for, what it is made of, how good it is, its limits.

Headings after Mitchell et al. 2019, 10.1145/3287560.3287596. The text is Markdown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.arms.records import ArmModels
from components.networks.records import BackboneRow, NetworkCard
from components.nomogram.nomogram import Nomogram
from components.promotion.records import Decision
from components.reporting.records import DataSummary
from components.reporting.wording import (
    MODEL_NAMES,
    days_text,
    estimate_text,
    estimator_text,
    number,
)
from components.study.protocol import ReportSection
from components.study.vocabulary import DataOrigin, SignatureState, Split, TreatmentArm

_SYNTHETIC = (
    "> **Synthetic data.** The patients this model was fitted on do not exist. It must not be used "
    "for any real patient."
)
_LIMITS = (
    "One cohort, no external validation.",
    "Decision support, not a decision; used by or under the supervision of the treating team.",
    "How it does in subgroups stands in the report, where the protocol names any; no model is "
    "fitted to them.",
)

_NO_BACKBONE = {
    SignatureState.NULL: "null signature",
    SignatureState.ABSENT: "clinical models alone",
    SignatureState.FITTED: "the signature comes with the row: its features were given, not made",
}


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """Where a model comes from; the same facts stand in the tags of its version."""

    study_id: str
    study_title: str
    data: DataSummary
    protocol_hash: str
    git_commit: str | None
    package_version: str
    mlflow_run_id: str
    report: ReportSection


def nomogram_card(nomogram: Nomogram, models: ArmModels, lineage: Lineage) -> str:
    """The card of an arm's nomogram."""
    label = nomogram.arm.label
    horizons = ", ".join(days_text(days) for days in nomogram.horizons_days) or "no horizon"
    inputs = [
        f"{axis.predictor.label} (`{axis.predictor.name}`"
        + (f", {axis.predictor.unit})" if axis.predictor.unit else ")")
        for axis in nomogram.axes
    ]
    limits = [
        *(
            f"Survival at {days_text(days)} is not estimable: {reason}."
            for days, reason in nomogram.not_estimable.items()
        ),
        "A value outside the training range is answered on the same line: beyond what was seen.",
        *models.notes,
        *_LIMITS,
    ]
    use = (
        f"Prognosis of a patient with hepatocellular carcinoma whose first treatment is {label}: "
        f"survival at {horizons} after it, with later treatments as they happened in the cohort. "
        "It says nothing about what another treatment would do."
    )
    made_of = (
        f"{MODEL_NAMES[nomogram.model_kind]} Cox model of {nomogram.model.n} training patients "
        f"({nomogram.model.n_events} deaths), follow-up to "
        f"{number(nomogram.model.follow_up_days)} days. Inputs: {'; '.join(inputs)}."
    )
    return _card(
        f"Nomogram: {label}",
        lineage,
        use=use,
        made_of=made_of,
        performance=_performance(models),
        limits=limits,
    )


def _performance(models: ArmModels) -> str:
    by_split = {
        one.split: one.estimates for one in models.evaluations if one.kind is models.nomogram_kind
    }
    keys = list(dict.fromkeys(key for figures in by_split.values() for key in figures))
    lines = ["| figure | training (apparent) | test |", "|---|---|---|"]
    for key in keys:
        cells = [estimate_text(by_split.get(split, {}).get(key)) for split in Split]
        lines.append(f"| {estimator_text(key)} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", "Intervals at 95%; the method of each is in the run's tags."])


def backbone_card(network: NetworkCard, row: BackboneRow, lineage: Lineage) -> str:
    """The card of the deployed backbone."""
    settings = network.configuration
    use = (
        "Features of the ROI in a two-phase CT (arterial, portal venous) for the deep-learning "
        "signature. Its probability of high risk is not a prediction for one patient."
    )
    made_of = (
        f"{settings.backbone}, started from {network.initialization}, {network.epochs} epochs on "
        f"{network.n_patients} training patients; learning rate {settings.learning_rate:.2e}, "
        f"weight decay {settings.weight_decay:.2e}, dropout {settings.dropout:.2f}, label "
        f"smoothing {settings.label_smoothing:.3f}. Input: {', '.join(network.channels)}, "
        f"{network.crop_px} pixels. Features: layer `{network.feature_layer}`, width "
        f"{network.width}. Weights (sha256): `{network.weights_sha256}`."
    )
    figures = {f"AUC within {arm.label}": one for arm, one in row.within_arm_auc.items()}
    figures |= {"AUC pooled": row.pooled_auc, "AUC of the arm alone": row.arm_only_auc}
    lines = ["| out of fold | estimate |", "|---|---|"]
    lines += [f"| {name} | {estimate_text(estimate)} |" for name, estimate in figures.items()]
    lines += ["", "A pooled AUC is to be read beside that of the arm alone."]
    return _card(
        f"Backbone: {settings.backbone}",
        lineage,
        use=use,
        made_of=made_of,
        performance="\n".join(lines),
        limits=["Scanners and protocols other than the cohort's are unknown to it.", *_LIMITS],
    )


def recommender_card(
    versions: Mapping[TreatmentArm, str],
    decision: Decision,
    lineage: Lineage,
    *,
    backbone_version: str | None,
    signature: SignatureState,
) -> str:
    """The card of the recommender that pins the arms' nomograms and the backbone."""
    pinned = [f"{arm.label} nomogram version {version}" for arm, version in versions.items()]
    pinned.append(
        f"backbone version {backbone_version}"
        if backbone_version
        else f"no backbone ({_NO_BACKBONE[signature]})"
    )
    return _card(
        "Recommender",
        lineage,
        use=(
            "Answers with the predicted survival after each first treatment. The contrast between "
            "the treatments is not assessed yet: two prognoses are not a comparison."
        ),
        made_of=f"Pins {', '.join(pinned)}.",
        performance=f"The gate's answer: **{decision.verdict}**.\n\n"
        + "\n".join(f"- {reason}" for reason in decision.reasons),
        limits=_LIMITS,
    )


def _card(
    title: str,
    lineage: Lineage,
    *,
    use: str,
    made_of: str,
    performance: str,
    limits: Sequence[str],
) -> str:
    is_synthetic = lineage.data.origin is DataOrigin.SYNTHETIC
    parts = [
        f"# {title}",
        *([_SYNTHETIC] if is_synthetic else []),
        f"Study: {lineage.study_title} (`{lineage.study_id}`).",
        "## Intended use",
        use,
        "## Training data and model",
        made_of,
        "## Performance",
        performance,
        "## Limits",
        "\n".join(f"- {limit}" for limit in limits),
        "## Ethics",
        f"{lineage.report.ethics}\n\nFunding: {lineage.report.funding}\n\nContact: "
        f"{lineage.report.contact}",
        "## Lineage",
        _lineage(lineage),
    ]
    return "\n\n".join(parts) + "\n"


def _lineage(lineage: Lineage) -> str:
    facts = {
        "Data": f"{lineage.data.name}, {lineage.data.origin.value}, md5 `{lineage.data.md5}`",
        "Split": f"`{lineage.data.split_hash}`",
        "Protocol": f"`{lineage.protocol_hash}`",
        "Git commit": f"`{lineage.git_commit}`" if lineage.git_commit else "not in a git clone",
        "armwise": lineage.package_version,
        "MLflow run": f"`{lineage.mlflow_run_id}`",
        "Data access": lineage.report.data_access,
    }
    return "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
