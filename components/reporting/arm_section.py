"""The nomograms, and how good the models behind them are, arm by arm."""

from matplotlib.figure import Figure

from components.arms.records import ArmModels
from components.reporting.blocks import (
    Block,
    Bullets,
    Folded,
    Heading,
    Prose,
    Rows,
    Section,
    picture,
)
from components.reporting.calibration_figures import draw_calibration
from components.reporting.content import ReportContent
from components.reporting.decision_figures import draw_decision_curves
from components.reporting.deviation_notes import notes_beside
from components.reporting.forest import draw_forest
from components.reporting.imputation_section import predictor_blocks
from components.reporting.model_tables import (
    c_index_table,
    coefficients_table,
    column_text,
    cutoff_text,
    risk_group_table,
    sample_size_table,
    selection_table,
)
from components.reporting.nomogram_figure import draw_nomogram
from components.reporting.performance_tables import (
    calibration_table,
    differences_table,
    hazard_table,
    net_benefit_table,
    performance_table,
)
from components.reporting.roc_figures import draw_time_roc
from components.reporting.survival_figures import draw_risk_groups
from components.reporting.wording import MODEL_NAMES, MODEL_PHRASES, days_text, significant
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split


def discrimination(arm: ArmModels, kind: ModelKind) -> dict[str, Estimate]:
    """Harrell's C of a model for a heading: `apparent` and `test`."""
    names = {Split.TRAIN: "apparent", Split.TEST: "test"}
    return {
        names[one.split]: one.estimates["c_harrell"]
        for one in arm.evaluations
        if one.kind is kind and "c_harrell" in one.estimates
    }


def nomogram_figures(content: ReportContent) -> dict[str, Figure]:
    """The drawing of each arm's nomogram, by the arm's name."""
    by_arm = {models.arm: models for models in content.arms}
    return {
        arm.value: draw_nomogram(
            nomogram,
            discrimination=discrimination(by_arm[arm], nomogram.model_kind),
            endpoint=content.protocol.study.endpoint,
        )
        for arm, nomogram in content.nomograms.items()
    }


def nomogram_section(content: ReportContent) -> Section:
    """Each arm's nomogram and the full models: baseline and coefficients."""
    blocks: list[Block] = [
        Prose(
            "Each nomogram gives the prognosis of patients who start with that treatment. They are "
            "not compared: which treatment is better for a patient is another question."
        )
    ]
    drawn = nomogram_figures(content)
    for models in content.arms:
        nomogram = content.nomograms.get(models.arm)
        if nomogram is None:
            continue
        baseline = ", ".join(
            f"{days_text(days)} {survival:.6f}"
            for days, survival in nomogram.baseline_survival.items()
        )
        blocks += [
            Heading(f"{models.arm.label}: {MODEL_PHRASES[nomogram.model_kind]} model"),
            picture(
                drawn[models.arm.value],
                caption=f"Nomogram of the {models.arm.label} arm. A vector drawing: enlarge it, or "
                "print it, to read tenths of a point.",
                alt=f"Nomogram of the {models.arm.label} arm; its points stand in the table below",
            ),
            Rows(coefficients_table(nomogram.model, f"{models.arm.label}: the model drawn above")),
            Prose(
                f"Baseline survival S0(t) at the centered linear predictor 0: {baseline}. "
                "S(t) = S0(t)^exp(lp)."
            ),
        ]
    return Section("models", "Nomograms", tuple(blocks))


def arms_section(content: ReportContent) -> Section:
    """How good the models are."""
    blocks: list[Block] = [
        picture(
            draw_forest(content.arms, origin=content.origin),
            caption="Harrell's C of the models. Hollow: training, apparent and so too good; "
            "filled: test.",
            alt="Forest plot of the C-index of the models; its numbers stand in the summary",
        ),
        *_truncated(content),
        Rows(sample_size_table(content.arms)),
        *notes_beside(content, "predictors"),
    ]
    for models in content.arms:
        blocks += _arm_blocks(models, content)
    return Section("arms", "Performance by arm", tuple(blocks))


def _truncated(content: ReportContent) -> list[Block]:
    """Harrell's C of cut-off follow-up, where the protocol asks for it, and what to think of it."""
    days = content.protocol.evaluation.truncated_c_days
    if days is None:
        return []
    figures = Rows(c_index_table(content.arms, f"c_harrell_{days}d"))
    return [figures, *notes_beside(content, "discrimination")]


def _arm_blocks(models: ArmModels, content: ReportContent) -> list[Block]:
    label = models.arm.label
    refused = [
        Prose(f"Survival at {days_text(days)} is not estimable in this arm: {reason}.")
        for days, reason in models.horizons_not_estimable.items()
    ]
    return [
        Heading(label, anchor=f"arm-{models.arm.value}"),
        *refused,
        *([Rows(selection_table(label, models.selection))] if models.selection else []),
        *predictor_blocks(models),
        *_risk_group_blocks(models, content),
        Rows(performance_table(models)),
        *([Rows(differences_table(models))] if models.differences else []),
        *_curve_blocks(models, content),
        *_decision_blocks(models, content),
        *_assumption_blocks(models),
        *_other_models(models),
    ]


def _risk_group_blocks(models: ArmModels, content: ReportContent) -> list[Block]:
    risk = [one for one in models.risk_groups if one.kind is models.nomogram_kind]
    if not risk:
        return []
    label, name = models.arm.label, MODEL_PHRASES[models.nomogram_kind]
    return [
        picture(
            draw_risk_groups(risk, origin=content.origin),
            caption=f"{label}: {content.protocol.study.endpoint} by risk group of the {name} "
            f"model, with 95% intervals. {cutoff_text(risk)}",
            alt="Kaplan-Meier curves of low and high risk; their numbers stand in the table below",
        ),
        Rows(risk_group_table(risk, f"{label}: survival of the risk groups, {name} model")),
        *notes_beside(content, "risk groups"),
    ]


def _curve_blocks(models: ArmModels, content: ReportContent) -> list[Block]:
    label, name = models.arm.label, MODEL_PHRASES[models.nomogram_kind]
    calibration = [one for one in models.calibration if one.kind is models.nomogram_kind]
    blocks: list[Block] = []
    if models.roc_curves:
        figure = draw_time_roc(models.roc_curves, origin=content.origin)
        blocks.append(
            picture(
                figure,
                caption=f"{label}: cumulative/dynamic ROC curves, weighted for censoring.",
                alt="Time-dependent ROC curves; the areas stand in the table above",
            )
        )
    if calibration:
        figure = draw_calibration(calibration, origin=content.origin)
        blocks.append(
            picture(
                figure,
                caption=f"{label}: calibration of the {name} model. Points: groups of patients by "
                "Kaplan-Meier; lines: smoothed. Hollow and dashed: training (apparent); filled and "
                "solid: test, its interval shaded.",
                alt="Predicted against observed survival; the distances stand in the table below",
            )
        )
        caption = f"{label}: distance of observed from predicted risk, {name} model"
        blocks.append(Rows(calibration_table(calibration, caption)))
    return blocks


def _decision_blocks(models: ArmModels, content: ReportContent) -> list[Block]:
    if not models.decision_curves:
        return []
    label = models.arm.label
    tested = [one for one in models.decision_curves if one.split is Split.TEST]
    blocks: list[Block] = [
        Prose(
            "A decision curve asks what is gained by acting on a predicted risk of death that is "
            "at least the threshold, against acting for all patients and for nobody. The study "
            "names no decision: what acting would be (closer follow-up, a further treatment), and "
            "at which risk it would be worth its harm, is for the reader to say. Where a line lies "
            "above both others the model would help such a decision; nobody is advised to act."
        ),
        picture(
            draw_decision_curves(models.decision_curves, origin=content.origin),
            caption=f"{label}: net benefit by threshold. A line ends where those above the "
            "threshold are not followed to the horizon.",
            alt="Decision curves; their numbers in the test patients stand in the table below",
        ),
    ]
    if tested:
        table = net_benefit_table(tested, f"{label}: net benefit per 100 test patients")
        blocks.append(Folded(f"{label}: net benefit at every tenth of risk", (Rows(table),)))
    return blocks


def _assumption_blocks(models: ArmModels) -> list[Block]:
    """Whether hazards are proportional, and coefficients against what is known."""
    blocks: list[Block] = [Rows(hazard_table(models))] if models.hazard_tests else []
    against = tuple(
        f"{MODEL_NAMES[one.kind]} model, {column_text(one.label, one.column)}: a coefficient of "
        f"{significant(one.coefficient)}, where it is known that it {one.expected} the hazard of "
        "death."
        for one in models.unexpected_signs
    )
    if against:
        said = (
            "Coefficients against what is known. With few deaths or a penalty chance alone can "
            "turn a sign; a model should not be read as evidence for it."
        )
        blocks += [Prose(said, tone="warning"), Bullets(against)]
    return blocks


def _other_models(models: ArmModels) -> list[Block]:
    label = models.arm.label
    others = [
        (kind, model)
        for kind, model in models.models.items()
        if kind is not models.nomogram_kind and model.predictors
    ]
    tables = tuple(
        Rows(coefficients_table(model, f"{label}: {MODEL_PHRASES[kind]} model"))
        for kind, model in others
    )
    return [Folded(f"{label}: coefficients of the other models", tables)] if tables else []
