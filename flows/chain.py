"""The steps of a retraining in their order, and what each leaves in the study's MLflow run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

from components.arms.metrics import evaluation_metrics
from components.networks.records import BackboneChoice, SearchResult
from components.platform.data_version import file_md5s
from components.platform.presence import absent_versions
from components.platform.registry import Lineage
from components.reporting.model_card import Lineage as CardLineage
from components.reporting.records import DataSummary
from components.study.results import estimate_metrics, metric_name
from flows.context import StudyRun
from flows.lineage import package_version
from flows.tasks.arms import fit_arms, read_arms
from flows.tasks.cohort import prepare_cohort, read_cohort
from flows.tasks.crops import crop_rois
from flows.tasks.nomograms import draw_nomograms
from flows.tasks.publish import publish
from flows.tasks.refit import refit_network
from flows.tasks.search import read_search, search_backbones
from flows.tasks.search_runs import SearchRuns
from flows.tasks.signature import fit_scores
from flows.tasks.validation import require_passed, validate_data
from flows.terminal import current_display

Session = Callable[[], AbstractContextManager[None]]


def data_steps(run: StudyRun) -> None:
    """Validation, crops, cohort.

    Raises:
        CohortRejected: The data cannot be used; Data Docs are linked from the run all the same.
    """
    validation = run.run(
        "validation",
        validate_data,
        dataset=run.dataset,
        protocol=run.protocol,
        folder=run.folder("validation"),
    )
    with current_display().platform("MLflow"):
        run.tracking.log_folder(run.run_id, Path(validation["docs"]), folder="data_docs")
    require_passed(validation)
    held = {entry.patient_id for entry in run.quarantined()}
    run.run(
        "crops",
        crop_rois,
        dataset=run.dataset,
        section=run.protocol.imaging,
        patient_ids=[patient for patient in validation["patients"] if patient not in held],
        file_md5s=file_md5s(run.settings.study_path),
        folder=run.home / "crops",
    )
    key = run.settings.study_key
    cohort = run.run(
        "cohort",
        prepare_cohort,
        dataset=run.dataset,
        protocol=run.protocol,
        quarantined=run.quarantined(),
        study_key=key.get_secret_value() if key else None,
        folder=run.folder("cohort"),
    )
    table = read_cohort(cohort)
    with current_display().platform("MLflow"):
        run.tracking.log_data(
            run.run_id,
            list(table.columns),
            data_md5=run.data.md5,
            source=str(run.settings.study_path / "data.dvc"),
            n_patients=len(table),
        )


def network_steps(run: StudyRun, session: Session) -> str:
    """Search, refit, signature; the MLflow page that compares the backbones."""
    cohort, crops = run.results["cohort"], run.results["crops"]
    runs = partial(
        SearchRuns, run.tracking, study_run=run.run_id, study_key=run.plan.keys["search"]
    )
    search = run.run(
        "search",
        search_backbones,
        cohort=cohort,
        crops=crops,
        protocol=run.protocol,
        storage=run.home / "search",
        session=session,
        runs=runs,
    )
    found, choice = read_search(search)
    with current_display().platform("MLflow"):
        comparison = _log_search(run, runs, found, choice)
    refit = run.run(
        "refit",
        refit_network,
        cohort=cohort,
        crops=crops,
        search=search,
        protocol=run.protocol,
        folder=run.folder("refit"),
        on_test_reading=run.note_test_reading,
    )
    run.run(
        "signature",
        fit_scores,
        cohort=cohort,
        features=refit,
        protocol=run.protocol,
        folder=run.folder("signature"),
    )
    return comparison


def _log_search(
    run: StudyRun,
    runs: Callable[..., SearchRuns],
    found: SearchResult,
    choice: BackboneChoice,
) -> str:
    """Every trial and backbone gets its finished run, the study's run the chosen one's figures."""
    by_backbone = runs(progress=None).complete(found, choice)
    chosen = next(row for row in choice.rows if row.is_chosen)
    name = metric_name("oof", "mean_of_arms", "dl_probability", "tuning_target")
    run.tracking.log_metrics(run.run_id, estimate_metrics(name, chosen.tuning_target))
    run.tracking.set_tags(
        run.run_id, {"armwise.backbone": choice.backbone, "armwise.backbone_reason": choice.reason}
    )
    return run.tracking.comparison_url(list(by_backbone.values()))


def model_steps(run: StudyRun) -> None:
    """Models of the arms, nomograms, registry and promotion."""
    cohort, signature = run.results["cohort"], run.results["signature"]
    arms = run.run(
        "arms",
        fit_arms,
        cohort=cohort,
        signature=signature,
        protocol=run.protocol,
        codebook=run.dataset.codebook(),
    )
    with current_display().platform("MLflow"):
        for models in read_arms(arms).values():
            run.tracking.log_metrics(run.run_id, evaluation_metrics(models))
    nomograms = run.run(
        "nomograms",
        draw_nomograms,
        cohort=cohort,
        signature=signature,
        arms=arms,
        protocol=run.protocol,
        origin=run.origin,
        folder=run.folder("nomograms"),
    )
    with current_display().platform("MLflow"):
        run.tracking.log_folder(run.run_id, run.folder("nomograms"), folder="nomograms")
    run.run(
        "publish",
        publish,
        vanished=lambda result: absent_versions(
            run.settings.mlflow_uri, run.run_id, result["versions"]
        ),
        dataset=run.dataset,
        protocol=run.protocol,
        **{name: run.results[name] for name in ("cohort", "search", "refit", "signature")},
        arms=arms,
        nomograms=nomograms,
        tracking=run.tracking,
        run_id=run.run_id,
        home=run.home,
        lineage=lineage(run),
        card_lineage=_card_lineage(run),
        on_test_reading=run.note_test_reading,
    )


def lineage(run: StudyRun) -> Lineage:
    """What stands as tags on every version."""
    return Lineage(
        study_id=run.protocol.study.study_id,
        data_origin=run.origin,
        git_commit=run.commit.sha or "none",
        data_md5=run.data.md5,
        protocol_hash=run.protocol.hash(),
        split_hash=run.results["cohort"]["split_hash"],
    )


def _card_lineage(run: StudyRun) -> CardLineage:
    return CardLineage(
        study_id=run.protocol.study.study_id,
        study_title=run.protocol.study.title,
        data=data_summary(run),
        protocol_hash=run.protocol.hash(),
        git_commit=run.commit.sha,
        package_version=package_version(),
        mlflow_run_id=run.run_id,
        report=run.protocol.report,
    )


def data_summary(run: StudyRun) -> DataSummary:
    """The data version as report and cards show it."""
    card = run.dataset.card()
    return DataSummary(
        name=card.name,
        origin=card.origin,
        md5=run.data.md5,
        n_files=run.data.n_files,
        n_bytes=run.data.n_bytes,
        source=run.data.source,
        split_hash=run.results["cohort"]["split_hash"],
    )
