"""The steps of a retraining that read images, and what each leaves in the study's MLflow run."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from components.networks.records import BackboneChoice, SearchResult
from components.platform.data_version import file_md5s
from components.study.results import estimate_metrics, metric_name
from flows.context import StudyRun
from flows.heat import heat_step
from flows.model_chain import cohort_step, judge
from flows.radiomics_chain import radiomics_step
from flows.search_result import read_checks, read_search
from flows.tasks.crops import crop_rois
from flows.tasks.network_checks import check_networks
from flows.tasks.refit import refit_network
from flows.tasks.search import search_backbones
from flows.tasks.search_runs import SearchRuns
from flows.tasks.signature import fit_scores
from flows.terminal import current_display

Session = Callable[[], AbstractContextManager[None]]


def data_steps(run: StudyRun) -> None:
    """Validation, crops, cohort.

    Raises:
        CohortRejected: The data cannot be used; Data Docs are linked from the run all the same.
    """
    patients = judge(run, images=True)
    held = {entry.patient_id for entry in run.quarantined()}
    run.run(
        "crops",
        crop_rois,
        dataset=run.dataset,
        section=run.protocol.imaging,
        patient_ids=[patient for patient in patients if patient not in held],
        file_md5s=file_md5s(run.settings.study_path),
        folder=run.cache("crops"),
    )
    cohort_step(run, source=run.settings.study_path / "data.dvc")


def network_steps(run: StudyRun, session: Session) -> str:
    """Search, refit, heat maps, signature; the MLflow page that compares the backbones."""
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
        storage=run.cache("search"),
        shared=run.settings.search_storage,
        session=session,
        runs=runs,
        on_test_reading=run.note_test_reading,
    )
    found, choice = read_search(search)
    with current_display().platform("MLflow"):
        compared = _log_search(run, runs, found, choice)
    run.run(
        "network_checks",
        check_networks,
        cohort=cohort,
        crops=crops,
        search=search,
        protocol=run.protocol,
        session=session,
    )
    checks = read_checks(run.results)
    if checks is not None:
        with current_display().platform("MLflow"):
            run.tracking.log_metrics(run.run_id, checks.metrics())
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
    heat_step(run)
    run.run(
        "signature",
        fit_scores,
        cohort=cohort,
        features=refit,
        protocol=run.protocol,
        folder=run.folder("signature"),
    )
    return run.tracking.comparison_url([*compared, *radiomics_step(run)])


def _log_search(
    run: StudyRun,
    runs: Callable[..., SearchRuns],
    found: SearchResult,
    choice: BackboneChoice,
) -> list[str]:
    """Every trial and backbone gets its finished run, the study's run the chosen one's figures."""
    by_backbone = runs(progress=None).complete(found, choice)
    chosen = next(row for row in choice.rows if row.is_chosen)
    name = metric_name("oof", "mean_of_arms", "dl_probability", "tuning_target")
    run.tracking.log_metrics(run.run_id, estimate_metrics(name, chosen.tuning_target))
    run.tracking.log_params(run.run_id, {"backbone": choice.backbone})
    run.tracking.set_tags(
        run.run_id,
        {
            "armwise.backbone": choice.backbone,
            "armwise.backbone_reason": choice.reason,
            "armwise.search_method": found.method,
        },
    )
    return list(by_backbone.values())
