"""The flow `fit_arms`: the statistical half of a retraining, from tables alone."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow

from components.cohort.dataset import Dataset
from components.study.protocol import Protocol, read_protocol
from flows.alone import alone
from flows.closing import close_run
from flows.context import StudyRun
from flows.environment import prepare_environment
from flows.model_chain import cohort_step, judge, model_steps
from flows.nesting import nested_step
from flows.opening import give_up, open_run
from flows.plan import NESTED_STEP
from flows.settings import Settings
from flows.stopping import closed_in_time
from flows.table_inputs import TableInputs, open_inputs
from flows.table_plan import plan_of_tables
from flows.tasks.features import arrange_features
from flows.tasks.signature import fit_scores, no_signature
from flows.tasks.tables import import_tables, protocol_of_tables
from flows.terminal import display_of_run


@flow(name="fit-arms", persist_result=False)
def fit_arms(
    clinical: str,
    columns: str,
    features: str | None = None,
    radiomics: str | None = None,
    protocol: str = "sound",
    study_dir: str = ".",
    publish: bool = False,  # noqa: FBT001, FBT002  a flow's parameter
    fresh: bool = False,  # noqa: FBT001, FBT002  as above
) -> dict[str, Any]:
    """Signature, models and nomograms of the arms from a clinical table, and a report of them.

    Args:
        clinical: The clinical table (CSV, XLSX).
        columns: The column mapping (YAML).
        features: Features keyed by patient (CSV, Parquet); without them the models are clinical.
        radiomics: Hand-crafted features to compare with, keyed by patient (CSV, Parquet).
        protocol: A protocol of armwise by name, or a YAML file in the study's folder.
        study_dir: Where the home folder lies.
        publish: Whether the nomograms go to the registry and before the gate.
        fresh: Whether every step is to be computed again, whatever is known.

    Returns:
        The facts of the run, the closing summary among them.

    Raises:
        ArmwiseError: The message says what was expected, what came, and what to do.
    """
    with display_of_run() as display:
        display.started()
        settings = Settings(protocol=protocol, study_dir=Path(study_dir))
        prepare_environment(settings)
        inputs = open_inputs(
            Path(clinical),
            Path(columns),
            Path(features) if features else None,
            Path(radiomics) if radiomics else None,
        )
        chosen = read_protocol(settings.protocol_path)
        with alone(settings.home_path, say=display.console.print):
            return _fit(settings, chosen, inputs, publish=publish, fresh=fresh)


def _fit(
    settings: Settings, protocol: Protocol, inputs: TableInputs, *, publish: bool, fresh: bool
) -> dict[str, Any]:
    plan = plan_of_tables(protocol, inputs, place=settings.mlflow_uri, publish=publish)
    dataset = Dataset(plan.folder(settings.home_path, "tables"))
    version = inputs.version
    run = open_run(settings, plan, version, dataset=dataset, name="fit-arms", fresh=fresh)
    try:
        with closed_in_time(partial(give_up, run, KeyboardInterrupt())):
            run = _tables(run, inputs)
            judge(run, images=False)
            known = run.results["tables"].get("with_features")
            cohort_step(
                run,
                source=inputs.clinical,
                with_features=None if known is None else frozenset(known),
            )
            _signature(run)
            model_steps(run, publishing=publish)
            return close_run(run, mapping_text=inputs.columns.read_text(encoding="utf-8"))
    except BaseException as error:
        give_up(run, error)
        raise


def _tables(run: StudyRun, inputs: TableInputs) -> StudyRun:
    tables = run.run(
        "tables",
        import_tables,
        inputs=inputs,
        protocol=run.protocol,
        folder=run.folder("tables"),
    )
    return replace(run, protocol=protocol_of_tables(run.protocol, tables))


def _signature(run: StudyRun) -> None:
    if "features" not in run.results["tables"]:
        run.results["signature"] = no_signature()
        return
    cohort = run.results["cohort"]
    features = run.run(
        "features",
        arrange_features,
        cohort=cohort,
        tables=run.results["tables"],
        folder=run.folder("features"),
    )
    if any(step is NESTED_STEP for step in run.plan.steps):
        nested_step(run)
    run.run(
        "signature",
        fit_scores,
        cohort=cohort,
        features=features,
        protocol=run.protocol,
        folder=run.folder("signature"),
    )
