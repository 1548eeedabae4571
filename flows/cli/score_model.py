"""`armwise score-model`: a published model in a study's own patients."""

from pathlib import Path
from typing import Annotated

import typer

from components.study.protocol import Protocol, read_protocol
from components.study.vocabulary import TreatmentArm
from flows.cli.fit_arms import DEFAULT_PROTOCOL
from flows.cli.options import SoundProtocolName, StudyDir, settings_of, table_console

Model = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL",
        help="The model (JSON): armwise.published_model/1, or a Cox model or nomogram of armwise.",
    ),
]
Table = Annotated[Path, typer.Argument(metavar="TABLE", help="The clinical table (CSV, XLSX).")]
Columns = Annotated[
    Path,
    typer.Option(
        "--columns", "--mapping", help="The column mapping (YAML); `armwise columns` drafts one."
    ),
]
Features = Annotated[
    Path | None,
    typer.Option(help="Predictors that the clinical table lacks, by patient (CSV, Parquet)."),
]
Arm = Annotated[
    TreatmentArm | None, typer.Option("--arm", help="One arm. Default: the model's, else all.")
]
Output = Annotated[
    Path | None,
    typer.Option("--output", help="Folder for what is written. Default: <model>-<command>."),
]


def score_model(
    model: Model,
    clinical: Table,
    columns: Columns,
    features: Features = None,
    arm: Arm = None,
    output: Output = None,
    protocol: SoundProtocolName = None,
    study_dir: StudyDir = None,
) -> None:
    """Judges a published model in own patients: C, AUC(t), Brier score, calibration, by arm.

    Horizons, intervals and rules are the protocol's; without --protocol it is `sound`.
    """
    chosen = protocol_of(protocol, study_dir)

    from components.reporting.published_tables import patients_table, score_table, terminal_table
    from flows.published_models import score_model as score
    from flows.table_inputs import open_inputs

    found = score(
        model,
        open_inputs(clinical, columns, features),
        chosen,
        arm=arm,
        folder=output or Path(f"{model.stem}-score"),
    )
    console = table_console()
    shown = score_table(found.scores)
    console.print(terminal_table(shown))
    console.print(terminal_table(patients_table(found.scores)))
    for note in (*shown.notes, *found.notes):
        console.print(f"  {note}", markup=False, soft_wrap=True)
    for path in found.files:
        console.print(f"Written: {path}", markup=False, soft_wrap=True)


def protocol_of(protocol: str | None, study_dir: Path | None) -> Protocol:
    """The protocol named here or in the settings, else that of `fit-arms`."""
    settings = settings_of(protocol=protocol, study_dir=study_dir)
    if "protocol" not in settings.model_fields_set:
        settings = settings.model_copy(update={"protocol": DEFAULT_PROTOCOL})
    return read_protocol(settings.protocol_path)
