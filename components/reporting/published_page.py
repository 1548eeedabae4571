"""The page of a published model in a study's own patients."""

from collections.abc import Sequence
from pathlib import Path

from components.arms.scoring import PublishedScore
from components.arms.updating import UpdatedModel
from components.reporting.blocks import Block, Bullets, Heading, Prose, Rows, Section, picture
from components.reporting.html_table import template_environment
from components.reporting.published_figures import draw_score
from components.reporting.published_tables import (
    model_table,
    patients_table,
    score_table,
    updates_table,
)
from components.reporting.wording import estimate_text
from components.study.results import Adaptation
from components.study.vocabulary import DataOrigin

_APPARENT = (
    "The updated model is judged here in the very patients that it was updated to: apparent "
    "figures, too good. Judge it in others before it is used."
)


def score_section(scores: Sequence[PublishedScore]) -> Section:
    """The figures of a published model, arm by arm, its curves and who was scored."""
    blocks: list[Block] = [Rows(score_table(scores))]
    for one in scores:
        if one.roc or one.calibration:
            blocks += [
                Heading(one.arm.label),
                picture(
                    draw_score(one),
                    caption=f"{one.arm.label}: ROC curves weighted for censoring, and predicted "
                    "against observed survival (groups with intervals, smooth curve).",
                    alt="ROC and calibration curves; their figures stand in the table above",
                ),
            ]
    blocks.append(Rows(patients_table(scores)))
    return Section("score", "In these patients", tuple(blocks))


def update_section(updated: UpdatedModel, after: PublishedScore) -> Section:
    """The update chosen, every update's test, and the model that it gives."""
    blocks: tuple[Block, ...] = (
        Prose(updated.sentence, tone="key"),
        Prose(
            f"Log of observed over expected deaths {estimate_text(updated.log_observed_expected)}, "
            f"calibration slope {estimate_text(updated.slope)}."
        ),
        Rows(updates_table(updated)),
        Rows(model_table(updated.model)),
        Prose(_APPARENT, tone="warning"),
        Rows(score_table([after])),
    )
    return Section("update", "Updating", blocks)


def write_published_page(
    path: Path,
    sections: Sequence[Section],
    *,
    score: PublishedScore,
    adaptations: Sequence[Adaptation],
    notes: Sequence[str],
    byline: str,
    package_version: str,
) -> Path:
    """One HTML page that needs nothing but itself; its path.

    Args:
        path: Where to.
        sections: What was found.
        score: Of the published model, for its name and formula.
        adaptations: What the reading of the tables assumed.
        notes: What else a reader must know.
        byline: Under the title.
        package_version: Of armwise.
    """
    said = [f"{one.asked}: {one.done}, {one.why}." for one in adaptations]
    remarks = tuple(dict.fromkeys([*said, *notes]))
    told = (Section("notes", "Notes", (Bullets(remarks),)),) if remarks else ()
    formula = Section("model", "The published model", (Rows(model_table(score.model)),))
    page = (
        template_environment()
        .get_template("report.html.j2")
        .render(
            title=score.model.name,
            study_id=score.model.source,
            is_synthetic=score.origin is DataOrigin.SYNTHETIC,
            byline=byline,
            package_version=package_version,
            sections=(*sections, formula, *told),
        )
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path
