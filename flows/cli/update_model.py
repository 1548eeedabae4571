"""`armwise update-model`: a published model brought up to date at a new center."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import SoundProtocolName, StudyDir, table_console
from flows.cli.score_model import Arm, Columns, Features, Model, Output, Table, protocol_of


def update_model(
    model: Model,
    clinical: Table,
    columns: Columns,
    features: Features = None,
    arm: Arm = None,
    output: Output = None,
    alpha: Annotated[
        float, typer.Option(min=0.001, max=0.5, help="Level of the closed test.")
    ] = 0.05,
    protocol: SoundProtocolName = None,
    study_dir: StudyDir = None,
) -> None:
    """Updates a published model to own patients of one arm, as little as they allow.

    Tried in this order: none, the level of the baseline, level and slope, slope and a new baseline,
    all coefficients anew. The first that is not rejected against the last is taken.
    """
    chosen = protocol_of(protocol, study_dir)

    from components.reporting.published_tables import model_table, terminal_table, updates_table
    from flows.published_models import update_published
    from flows.table_inputs import open_inputs

    found = update_published(
        model,
        open_inputs(clinical, columns, features),
        chosen,
        arm=arm,
        alpha=alpha,
        folder=output or Path(f"{model.stem}-update"),
    )
    console, update = table_console(), found.update
    console.print(terminal_table(updates_table(update)))
    console.print(update.sentence, markup=False, soft_wrap=True)
    console.print(terminal_table(model_table(update.model)))
    for note in found.notes:
        console.print(f"  {note}", markup=False, soft_wrap=True)
    c, slope = found.after.estimates["c_harrell"], update.slope
    console.print(
        f"{update.n} patients, {update.n_events} deaths; Harrell's C {c.text()} (in the very "
        f"patients of the update), calibration slope of the published model {slope.text()}",
        markup=False,
        soft_wrap=True,
    )
    for path in found.files:
        console.print(f"Written: {path}", markup=False, soft_wrap=True)
