"""Hand-crafted radiomics in a retraining, and their MLflow run beside the backbones."""

from components.platform.data_version import file_md5s
from flows.context import StudyRun
from flows.tasks.radiomics import radiomics_features, read_radiomics, read_stability
from flows.terminal import current_display


def radiomics_step(run: StudyRun) -> list[str]:
    """The step, and the ids of the MLflow runs that it adds to the backbones'."""
    result = run.run(
        "radiomics",
        radiomics_features,
        cohort=run.results["cohort"],
        search=run.results["search"],
        protocol=run.protocol,
        dataset=run.dataset,
        file_md5s=file_md5s(run.settings.study_path),
        cache=run.cache("radiomics"),
        folder=run.folder("radiomics"),
    )
    label, stability = read_radiomics(run.results), read_stability(run.results)
    if label is None:
        return []
    with current_display().platform("MLflow"):
        one = run.tracking.child_run(
            run.run_id,
            f"{run.plan.keys['radiomics']}/radiomics",
            name="radiomics",
            params={
                "backbone": "radiomics",
                "source": result["source"],
                "n_patients": label.n,
                "n_features": label.n_features,
                "n_unstable": 0 if stability is None else len(stability.unstable),
                "inverse_penalties": ", ".join(f"{value:g}" for value in label.penalties),
            },
            tags={"armwise.level": "backbone", "armwise.chosen": "false"},
        )
        run.tracking.log_metrics(one, label.metrics())
        run.tracking.finish(one, "FINISHED")
    return [one]
