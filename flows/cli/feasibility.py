"""`armwise feasibility`: what a clinical sheet alone says of a study, before anyone contours."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.options import SoundProtocolName, StudyDir, table_console
from flows.cli.score_model import protocol_of

Clinical = Annotated[
    Path, typer.Option("--clinical", help="The clinical sheet (CSV, XLSX).", show_default=False)
]
Columns = Annotated[
    Path,
    typer.Option(
        "--columns", "--mapping", help="The column mapping (YAML); `armwise columns` drafts one."
    ),
]
Output = Annotated[Path, typer.Option("--output", help="The page that is written (HTML).")]


def feasibility(
    clinical: Clinical,
    columns: Columns,
    output: Output = Path("feasibility.html"),
    protocol: SoundProtocolName = None,
    study_dir: StudyDir = None,
) -> None:
    """Events, follow-up, overlap of the arms and model size from the sheet alone, and a page.

    Horizons, rules and split are the protocol's; without --protocol it is `sound`.
    """
    chosen = protocol_of(protocol, study_dir)

    from components.reporting.feasibility_tables import horizon_table, patients_table, size_table
    from components.reporting.published_tables import terminal_table
    from flows.feasibility import assess_feasibility
    from flows.table_inputs import open_inputs

    found = assess_feasibility(open_inputs(clinical, columns, None), chosen, page=output)
    content = found.content
    console = table_console()
    for shown in (
        patients_table(content.arms),
        horizon_table(content.arms),
        size_table(content.arms),
    ):
        console.print(terminal_table(shown))
    for line in content.lines():
        console.print(f"  {line}", markup=False, soft_wrap=True)
    console.print(f"Written: {found.page}", markup=False, soft_wrap=True)
