"""The steps that every run has, with images or without, and what each leaves in MLflow."""

from functools import partial
from pathlib import Path

from components.arms.metrics import evaluation_metrics
from components.platform.presence import absent_versions
from components.platform.registry import Lineage
from components.reporting.model_card import Lineage as CardLineage
from components.reporting.records import DataSummary
from flows.computing import ray_of_run
from flows.context import StudyRun
from flows.drift import assess_drift
from flows.gate_answers import gate_reports
from flows.gate_artifacts import publish_gate
from flows.lineage import package_version
from flows.tasks.arms import fit_arms, read_arms
from flows.tasks.baselines import fit_baselines, given_radiomics, read_baselines
from flows.tasks.cohort import prepare_cohort, read_cohort
from flows.tasks.nomograms import draw_nomograms
from flows.tasks.optimism import correct_optimism, read_optimism
from flows.tasks.publish import publish
from flows.tasks.radiomics import computed_radiomics
from flows.tasks.subgroups import assess_subgroups
from flows.tasks.validation import require_passed, validate_data
from flows.terminal import current_display


def judge(run: StudyRun, *, images: bool) -> list[str]:
    """The validation gate, drift since the last promotion among it; the patients that it has seen.

    Raises:
        CohortRejected: The data cannot be used; Data Docs are linked from the run all the same.
    """
    validation = run.run(
        "validation",
        validate_data,
        dataset=run.dataset,
        protocol=run.protocol,
        folder=run.folder("validation"),
        images=images,
    )
    drift = assess_drift(
        run.tracking,
        study_dir=run.settings.study_path,
        dataset=run.dataset,
        protocol=run.protocol,
        data_md5=run.data.md5,
        docs_dir=Path(validation["docs"]),
    )
    run.results["drift"] = {"reports": [drift.model_dump(mode="json")]}
    with current_display().platform("MLflow"):
        run.tracking.log_folder(run.run_id, Path(validation["docs"]), folder="data_docs")
    publish_gate(gate_reports(run.results), docs=_page_of(run))
    require_passed(validation)
    return list(validation["patients"])


def _page_of(run: StudyRun) -> str:
    """The run's page in MLflow, where the Data Docs lie under Artifacts."""
    page = run.tracking.run_url(run.run_id)
    ui = f"http://{run.settings.host}:{run.settings.port}"
    return f"{ui}{page}" if page.startswith("/") else page


def cohort_step(
    run: StudyRun, *, source: Path, with_features: frozenset[str] | None = None
) -> None:
    """Who is studied, and where MLflow says that the data came from.

    Args:
        run: With the results of the gates.
        source: The file that holds the data's version.
        with_features: The patients in a given table of features, where there is one.
    """
    key = run.settings.study_key
    cohort = run.run(
        "cohort",
        prepare_cohort,
        dataset=run.dataset,
        protocol=run.protocol,
        quarantined=run.quarantined(),
        study_key=key.get_secret_value() if key else None,
        folder=run.folder("cohort"),
        with_features=with_features,
    )
    table, arms = read_cohort(cohort), run.protocol.study.arms
    with current_display().platform("MLflow"):
        run.tracking.log_data(
            run.run_id,
            list(table.columns),
            data_md5=run.data.md5,
            source=str(source),
            n_patients=len(table),
        )
        by_arm = {f"n_{arm.value}": int((table["arm"] == arm.value).sum()) for arm in arms}
        run.tracking.log_params(run.run_id, {"n_patients": len(table), **by_arm})


def model_steps(run: StudyRun, *, publishing: bool = True) -> None:
    """Models of the arms and nomograms; registry and promotion where `publishing`."""
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
            shown = {f"nomogram_{models.arm.value}": models.nomogram_kind.value}
            run.tracking.log_params(run.run_id, shown)
    _judge_further(run)
    run.run(
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
    if publishing:
        _publish(run)


def _judge_further(run: StudyRun) -> None:
    """What is left of the apparent figures, in subgroups and beyond the baselines."""
    cohort, signature = run.results["cohort"], run.results["signature"]
    codebook = run.dataset.codebook()
    run.run(
        "optimism",
        correct_optimism,
        cohort=cohort,
        features=run.results.get("refit", run.results.get("features")),
        signature=signature,
        protocol=run.protocol,
        codebook=codebook,
        session=partial(ray_of_run, run.settings),
    )
    run.run(
        "subgroups",
        assess_subgroups,
        cohort=cohort,
        signature=signature,
        protocol=run.protocol,
        codebook=codebook,
    )
    run.run(
        "baselines",
        fit_baselines,
        cohort=cohort,
        signature=signature,
        protocol=run.protocol,
        codebook=codebook,
        radiomics=given_radiomics(run.results) or computed_radiomics(run.results),
    )
    judged = (read_optimism(run.results), read_baselines(run.results))
    with current_display().platform("MLflow"):
        for one in judged:
            if one is not None:
                run.tracking.log_metrics(run.run_id, one.metrics())


def _publish(run: StudyRun) -> None:
    run.run(
        "publish",
        publish,
        vanished=lambda result: absent_versions(
            run.settings.mlflow_uri, run.run_id, result["versions"]
        ),
        dataset=run.dataset,
        protocol=run.protocol,
        results=dict(run.results),
        tracking=run.tracking,
        run_id=run.run_id,
        home=run.home,
        folder=run.folder("publish"),
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
