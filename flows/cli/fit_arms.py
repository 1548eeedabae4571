"""`armwise fit-arms`: models and nomograms of the arms from tables alone."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from components.study.protocol import read_protocol
from flows.cli.options import Fresh, SoundProtocolName, StudyDir, settings_of
from flows.cli.running import run_flow
from flows.environment import prepare_environment

DEFAULT_PROTOCOL = "sound"

Publish = Annotated[bool, typer.Option("--publish", help="Register the models and ask the gate.")]


def fit_arms(
    clinical: Annotated[Path, typer.Option(help="The clinical table (CSV, XLSX).")],
    columns: Annotated[
        Path, typer.Option(help="The column mapping (YAML); `armwise columns` drafts one.")
    ],
    features: Annotated[
        Path | None, typer.Option(help="Features of each patient (CSV, Parquet), if any.")
    ] = None,
    radiomics: Annotated[
        Path | None,
        typer.Option(help="Hand-crafted radiomics features to compare with (CSV, Parquet)."),
    ] = None,
    publish: Publish = False,  # noqa: FBT002  an option of the command line
    fresh: Fresh = False,  # noqa: FBT002  as above
    protocol: SoundProtocolName = None,
    study_dir: StudyDir = None,
) -> None:
    """The statistical half of a retraining, from tables alone: no images, no networks.

    Without --protocol, and unless the settings name one, it is `sound`.
    """
    start = time.monotonic()
    settings = settings_of(protocol=protocol, study_dir=study_dir)
    if "protocol" not in settings.model_fields_set:
        settings = settings.model_copy(update={"protocol": DEFAULT_PROTOCOL})
    prepare_environment(settings)
    console = Console(highlight=False)

    from flows.table_inputs import open_inputs
    from flows.table_plan import plan_of_tables
    from flows.unchanged import finished_run

    inputs = open_inputs(clinical, columns, features, radiomics)
    base = read_protocol(settings.protocol_path)
    plan = plan_of_tables(base, inputs, place=settings.mlflow_uri, publish=publish)
    record, vanished = finished_run(settings, plan)
    if record is not None and not vanished and not fresh:
        console.print(str(record.facts["summary"]), markup=False, soft_wrap=True)
        console.print(f"{record.unchanged} ({time.monotonic() - start:.1f} s)")
        return

    def load() -> Callable[[], dict[str, Any]]:
        from flows.fit_arms import fit_arms as flow

        return lambda: flow(
            str(inputs.clinical),
            str(inputs.columns),
            str(inputs.features) if inputs.features else None,
            str(inputs.radiomics) if inputs.radiomics else None,
            settings.protocol,
            str(settings.study_path),
            publish,
            fresh,
        )

    run_flow("fit-arms", settings, console, load)
