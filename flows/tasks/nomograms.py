"""Step `nomograms`: each arm's nomogram as data and as a drawing."""

from pathlib import Path
from typing import Any

from components.arms.nomogram import arm_nomogram
from components.errors import FitFailed
from components.nomogram.nomogram import Nomogram
from components.reporting.arm_section import discrimination
from components.reporting.nomogram_figure import draw_nomogram
from components.reporting.style import save
from components.study.protocol import Protocol
from components.study.results import Adaptation, ArtifactRef
from components.study.vocabulary import DataOrigin, Split, TreatmentArm
from flows.steps import Result, step_task
from flows.tasks.arms import part, read_arms, with_scores
from flows.tasks.cohort import read_cohort
from flows.terminal import current_display


@step_task
def draw_nomograms(
    step: str,
    key: str,
    *,
    cohort: Result,
    signature: Result,
    arms: Result,
    protocol: Protocol,
    origin: DataOrigin,
    folder: Path,
) -> Result:
    """JSON, SVG and PNG of each arm's nomogram, whose survival is the Cox model's to 1e-9.

    An arm whose model has no predictor with an effect has none, and that is said.
    """
    del step, key
    with current_display().step("Nomograms") as progress:
        folder.mkdir(parents=True, exist_ok=True)
        table = with_scores(read_cohort(cohort), signature)
        drawn: dict[str, Any] = {}
        without: list[Adaptation] = []
        for arm, models in read_arms(arms).items():
            try:
                nomogram = arm_nomogram(
                    models, part(table, arm, Split.TRAIN), section=protocol.nomogram, origin=origin
                )
            except FitFailed as error:
                without.append(_undrawn(arm, error))
                continue
            data = folder / f"nomogram-{arm.value}.json"
            data.write_text(nomogram.to_json(), encoding="utf-8")
            figure = draw_nomogram(
                nomogram,
                discrimination=discrimination(models, models.nomogram_kind),
                endpoint=protocol.study.endpoint,
            )
            pictures = [save(figure, data.with_suffix(suffix)) for suffix in (".svg", ".png")]
            files = [data, *pictures]
            drawn[arm.value] = {
                path.suffix[1:]: ArtifactRef.of(path).model_dump() for path in files
            }
        progress.note = ", ".join(TreatmentArm(arm).label for arm in drawn) or "none"
    return {"nomograms": drawn, "adaptations": [said.model_dump() for said in without]}


def _undrawn(arm: TreatmentArm, error: FitFailed) -> Adaptation:
    return Adaptation(
        step="nomograms",
        asked=f"{arm.label}: a nomogram",
        done=f"{arm.label}: none is drawn or registered",
        why=str(error),
    )


def read_nomograms(result: Result) -> dict[TreatmentArm, Nomogram]:
    """The nomograms of a `nomograms` result."""
    return {
        TreatmentArm(arm): Nomogram.from_json(
            ArtifactRef.model_validate(files["json"]).verified().read_bytes()
        )
        for arm, files in result["nomograms"].items()
    }
