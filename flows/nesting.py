"""Nested cross-validation within a run: which paths are judged, and what goes to MLflow."""

from flows.context import StudyRun
from flows.plan import NESTED_STEP, own_protocol
from flows.tasks.nested import judge_features, read_nested
from flows.terminal import current_display


def nested_step(run: StudyRun) -> None:
    """Judges the features by the protocol's own path and, on the same folds, by the sound one."""
    run.run(
        NESTED_STEP.name,
        judge_features,
        cohort=run.results["cohort"],
        features=run.results["features"],
        protocol=run.protocol,
        beside={
            name: own_protocol(name).signature
            for name in NESTED_STEP.beside
            if name != run.protocol.profile
        },
        workers=run.settings.workers,
        on_test_reading=run.note_test_reading,
    )
    nested = read_nested(run.results)
    if nested is not None:
        with current_display().platform("MLflow"):
            run.tracking.log_metrics(run.run_id, nested.metrics())
