"""A finished run as files for another program: patients, models, nomograms, an R script."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from components.arms.export import ExportedModels, export_models, require_same
from components.arms.records import ArmModels
from components.cohort.dataset import Dataset
from components.cohort.schema import Variable
from components.errors import UsageError
from components.platform.past_runs import choose_run, past_runs, with_files
from components.platform.tracking import Store
from components.study.protocol import Protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import DataOrigin, TreatmentArm
from flows.export_readme import readme
from flows.new_study import require_new
from flows.record import record_of_run
from flows.settings import Settings
from flows.step_results import read_results
from flows.steps import Result
from flows.tasks.arms import patients_of, read_arms, with_scores
from flows.tasks.cohort import protocol_predictors, read_cohort
from flows.tasks.signature import no_signature
from flows.tasks.tables import protocol_of_tables

SCRIPT = Path(__file__).parent / "export_template" / "refit.R"

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, eq=False)
class FinishedRun:
    """A finished run: its protocol as its data let it be, its steps' results, its variables."""

    run_id: str
    protocol: Protocol
    results: Mapping[str, Result]
    codebook: Mapping[str, Variable]
    origin: DataOrigin

    @property
    def arms(self) -> dict[TreatmentArm, ArmModels]:
        """What the run recorded of each arm."""
        return read_arms(self.results["arms"])


def finished_run(settings: Settings, wanted: str) -> FinishedRun:
    """The run that is meant.

    Args:
        settings: The place.
        wanted: `latest`, `previous`, a run's name, or how its id begins.

    Raises:
        UsageError: No run fits, or what it left is not in this home.
    """
    store = Store(settings.mlflow_uri)
    run = with_files(store, choose_run(past_runs(store), wanted))
    record = record_of_run(settings.home_path, run.run_id)
    if record is None:
        msg = (
            f"the run {run.run_id[:8]} has not finished, or not in {settings.home_path}; export it "
            "where it was made, or run the study again here"
        )
        raise UsageError(msg)
    # Without features a run has no step of this name.
    results = {"signature": no_signature(), **read_results(settings.home_path, record)}
    try:
        protocol = Protocol.model_validate(run.protocol)
    except ValidationError:
        msg = f"the run {run.run_id[:8]} holds no protocol that this version reads; run it again"
        raise UsageError(msg) from None
    tables = results.get("tables")
    dataset = Dataset(Path(tables["dataset"]) if tables else settings.data_path)
    if tables:
        protocol = protocol_of_tables(protocol, tables)
    return FinishedRun(run.run_id, protocol, results, dataset.codebook(), dataset.card().origin)


def export_run(run: FinishedRun, folder: Path) -> tuple[Path, ...]:
    """Writes everything that another program needs to fit the run's models again; the files.

    The models are fitted once more from the run's own patients, which gives the completed tables of
    an imputation, and must be those that the run recorded.

    Raises:
        UsageError: The folder holds files, or a predictor's name is taken.
        IntegrityError: A file of the run is not what was recorded, or this version of armwise fits
            other models.
    """
    require_new(folder)
    table = with_scores(read_cohort(run.results["cohort"]), run.results["signature"])
    recorded = run.arms
    patients = [
        patients_of(
            arm,
            table,
            signature=run.results["signature"],
            protocol=run.protocol,
            codebook=run.codebook,
        )
        for arm in recorded
    ]
    for one in patients:
        require_same(recorded[one.arm], one.fitted)
    exported = export_models(
        table, patients, names=protocol_predictors(run.protocol), label=run.protocol.label
    )
    # Others on the machine have no business with patients.
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_models(exported, folder)
    _write_records(run, folder)
    text = readme(exported, protocol=run.protocol, codebook=run.codebook, origin=run.origin)
    (folder / "README.txt").write_text(text, encoding="utf-8")
    return tuple(sorted(folder.iterdir()))


def write_models(exported: ExportedModels, folder: Path) -> None:
    """The tables in a folder that is there, and the R script that fits the models from them."""
    patients = {"analysis": exported.analysis}
    patients |= {f"training-{arm}": table for arm, table in exported.training.items()}
    for name, table in patients.items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    of_models = ("models", "coefficients", "levels", "knots", "penalties", "baseline")
    for name, table in (*patients.items(), *((one, getattr(exported, one)) for one in of_models)):
        write_csv(table, folder / f"{name}.csv")
    shutil.copyfile(SCRIPT, folder / SCRIPT.name)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """A table as CSV (UTF-8, numbers in full precision, empty where missing).

    Text that a spreadsheet would run as a formula, such as a level "+", gets an apostrophe before
    it, in every file alike.
    """
    shown = table.copy()
    for name in shown.select_dtypes(exclude="number").columns:
        shown[name] = shown[name].map(_harmless)
    shown.to_csv(path, index=False, lineterminator="\n")


def _harmless(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA_STARTS) else cell


def _write_records(run: FinishedRun, folder: Path) -> None:
    """Nomograms as they were drawn, and the path of a selection, as JSON."""
    for arm, files in run.results["nomograms"]["nomograms"].items():
        source = ArtifactRef.model_validate(files["json"]).verified()
        shutil.copyfile(source, folder / f"nomogram-{arm}.json")
    for arm, models in run.arms.items():
        chosen = models.elimination or models.selection
        if chosen is not None:
            (folder / f"selection-{arm.value}.json").write_text(chosen.to_json(), encoding="utf-8")
