"""What the models are worth beyond what is known without them: arm, stage, radiomics."""

from collections.abc import Sequence

from components.arms.baseline_records import ArmBaselines, BaselineKind, BaselineModel, Baselines
from components.arms.records import ArmModels
from components.reporting.baseline_tables import (
    BASELINE_PHRASES,
    baseline_table,
    difference_table,
    pooled_table,
    regression_table,
)
from components.reporting.blocks import Block, Bullets, Folded, Heading, Prose, Rows, Section
from components.reporting.wording import MODEL_PHRASES, estimate_text, p_text
from components.study.vocabulary import Split

_TITLE = "Baselines"
_NOT_ASKED = (
    "The protocol asks for no baselines (evaluation.baselines), so the models stand beside nothing "
    "but each other."
)
_NO_RADIOMICS = (
    "No table of hand-crafted radiomics features was given, so the models are not compared with "
    "radiomics."
)


def baselines_section(baselines: Baselines | None, arms: Sequence[ArmModels]) -> Section:
    """The nomograms against stage alone in a sentence each, then every baseline."""
    if baselines is None:
        return Section("baselines", _TITLE, (Prose(_NOT_ASKED),))
    models = {one.arm: one for one in arms}
    blocks: list[Block] = [
        Prose(sentence, tone="key")
        for one in baselines.arms
        if (sentence := _first(one, models[one.arm]))
    ]
    blocks += _pooled_blocks(baselines, arms)
    for one in baselines.arms:
        blocks += _arm_blocks(one, models[one.arm])
    return Section("baselines", _TITLE, (*blocks, Bullets(_how_to_read(baselines))))


def _first(arm: ArmBaselines, models: ArmModels) -> str | None:
    stage = next((one for one in arm.models if one.kind is BaselineKind.STAGE), None)
    if stage is None:
        return None
    kind = models.nomogram_kind
    gain = next(
        (
            one
            for one in stage.differences
            if (one.model, one.split, one.estimator) == (kind, Split.TEST, "c_harrell")
        ),
        None,
    )
    if gain is None or gain.estimate.value is None:
        return None
    tested = p_text(gain.p_value)
    equals = "" if tested.startswith("<") else "= "
    return (
        f"{arm.arm.label}, test patients: Harrell's C of the {MODEL_PHRASES[kind]} model is that "
        f"of {BASELINE_PHRASES[stage.kind]} plus {estimate_text(gain.estimate)}"
        f"{f', p {equals}{tested}' if tested else ''}."
    )


def _pooled_blocks(baselines: Baselines, arms: Sequence[ArmModels]) -> list[Block]:
    if not baselines.pooled:
        return []
    return [
        Heading("Pooled over the arms, and the arm alone"),
        Rows(pooled_table(baselines.pooled, arms, Split.TEST)),
        Folded(
            "Pooled over the arms: training (apparent)",
            (Rows(pooled_table(baselines.pooled, arms, Split.TRAIN)),),
        ),
    ]


def _arm_blocks(arm: ArmBaselines, models: ArmModels) -> list[Block]:
    label = arm.arm.label
    blocks: list[Block] = [Heading(label)]
    if arm.models:
        blocks += [
            Rows(baseline_table(arm, models, Split.TEST)),
            Rows(difference_table(arm, Split.TEST)),
            Folded(
                f"{label}: training (apparent)",
                (
                    Rows(baseline_table(arm, models, Split.TRAIN)),
                    Rows(difference_table(arm, Split.TRAIN)),
                ),
            ),
        ]
    if any(one.coefficients for one in arm.regressions):
        blocks.append(Rows(regression_table(arm)))
    if arm.notes:
        blocks.append(Bullets(arm.notes))
    return blocks


def _how_to_read(baselines: Baselines) -> tuple[str, ...]:
    said = [
        "Every baseline is fitted to the training patients of the arm's models by the same steps, "
        "and judged in the same patients; differences are paired (influence functions), with a "
        "two-sided test that does not count how many there are.",
        *_stage(baselines),
    ]
    if baselines.pooled:
        said.append(
            "Pooled figures rank patients of all arms by predicted risk. The arm itself predicts "
            "the outcome, so each stands beside the figure of the arm alone and those within arms."
        )
    radiomics = baselines.radiomics
    if radiomics is None:
        said.append(_NO_RADIOMICS)
    else:
        how = "in-sample" if radiomics.is_in_sample else "cross-fitted"
        said.append(
            f"Radiomics: {radiomics.n_selected} of {radiomics.n_features_in} hand-crafted features "
            f"selected in {radiomics.n} training patients, by the steps of the deep signature; "
            f"training scores are {how}."
        )
    return (*said, *baselines.notes)


def _stage(baselines: Baselines) -> list[str]:
    found: dict[str, list[str]] = {}
    for arm in baselines.arms:
        for one in arm.models:
            if one.kind is BaselineKind.STAGE:
                found.setdefault(_made_of(one), []).append(arm.arm.label)
    return [f"Stage only ({', '.join(labels)}): {what}." for what, labels in found.items()]


def _made_of(model: BaselineModel) -> str:
    penalty = f", ridge penalty {model.ridge_penalty:g}" if model.ridge_penalty else ""
    return f"{', '.join(model.predictors) or 'no predictor varies'}{penalty}"
