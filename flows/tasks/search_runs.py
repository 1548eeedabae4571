"""A search in MLflow: study > backbone > trial, written as it happens and checked at the end."""

import math

from components.networks.records import (
    BackboneChoice,
    BackboneRow,
    Configuration,
    EpochMetrics,
    SearchResult,
    TrialResult,
)
from components.platform.tracking import Tracking
from components.study.results import estimate_metrics, metric_name
from flows.terminal import StepProgress

_NETWORK = "dl_probability"


class SearchRuns:
    """The listener of a search: MLflow's runs of trials and the progress display.

    `study_key` and the configuration name a trial's run, so that a search that is taken up again
    goes on in the same runs.
    """

    def __init__(
        self, tracking: Tracking, *, study_run: str, study_key: str, progress: StepProgress | None
    ) -> None:
        self._tracking, self._study_run, self._study_key = tracking, study_run, study_key
        self._progress = progress
        self._runs: dict[str, str] = {}
        self._epochs: dict[str, int] = {}
        self._best = -math.inf
        self.total_epochs = 0

    def on_epoch(self, configuration: Configuration, metrics: EpochMetrics) -> None:
        """Records an epoch of a trial and moves the bar."""
        run = self._trial_run(configuration)
        self._tracking.log_metrics(run, _epoch_metrics(metrics), step=metrics.epoch)
        self._epochs[configuration.key] = metrics.epoch
        if metrics.tuning_target is not None:
            self._best = max(self._best, metrics.tuning_target)
        best = "" if self._best == -math.inf else f", best tuning target {self._best:.3f}"
        note = f"epochs; {configuration.key} at epoch {metrics.epoch}{best}"
        if self._progress is not None:
            self._progress.update(sum(self._epochs.values()), self.total_epochs, note)

    def on_end(self, result: TrialResult) -> None:
        """Closes a trial's run."""
        run = self._trial_run(result.configuration)
        started = {
            "armwise.initialization": result.initialization or "not recorded",
            "armwise.diverged": str(result.has_diverged).lower(),
        }
        self._tracking.set_tags(run, {"armwise.trial": result.status, **started})
        self._tracking.finish(run, "FINISHED")

    def complete(self, search: SearchResult, choice: BackboneChoice) -> dict[str, str]:
        """Makes sure that every trial and backbone has its finished run; run ids by backbone."""
        for trial in search.trials:
            self._ensure_trial(trial)
        return {row.backbone: self._backbone_run(row) for row in choice.rows}

    def _ensure_trial(self, trial: TrialResult) -> None:
        found = self._tracking.find_run(self._trial_key(trial.configuration))
        if found is not None and found.info.status == "FINISHED":
            return
        run = self._trial_run(trial.configuration)
        for metrics in trial.history:
            self._tracking.log_metrics(run, _epoch_metrics(metrics), step=metrics.epoch)
        self.on_end(trial)

    def _backbone_run(self, row: BackboneRow) -> str:
        run = self._parent_run(row.backbone, **_row_params(row))
        self._tracking.log_metrics(run, _row_metrics(row))
        self._tracking.set_tags(
            run,
            {
                "armwise.chosen": str(row.is_chosen).lower(),
                "armwise.best_configuration": row.configuration.key,
                "armwise.initialization": row.initialization or "not recorded",
            },
        )
        self._tracking.finish(run, "FINISHED")
        return run

    def _trial_key(self, configuration: Configuration) -> str:
        return f"{self._study_key}/{configuration.key}"

    def _parent_run(self, backbone: str, **params: object) -> str:
        if backbone not in self._runs or params:
            self._runs[backbone] = self._tracking.child_run(
                self._study_run,
                f"{self._study_key}/{backbone}",
                name=backbone,
                params={"backbone": backbone, **params},
                tags={"armwise.level": "backbone"},
            )
        return self._runs[backbone]

    def _trial_run(self, configuration: Configuration) -> str:
        if configuration.key not in self._runs:
            self._runs[configuration.key] = self._tracking.child_run(
                self._parent_run(configuration.backbone),
                self._trial_key(configuration),
                name=configuration.key,
                params=configuration.model_dump(),
                tags={"armwise.level": "trial"},
            )
        return self._runs[configuration.key]


def _epoch_metrics(metrics: EpochMetrics) -> dict[str, float | None]:
    named: dict[str, float | None] = {
        "train_loss": metrics.train_loss,
        metric_name("oof", "mean_of_arms", _NETWORK, "tuning_target"): metrics.tuning_target,
        "seconds_of_epoch": metrics.seconds,
    }
    for arm, value in metrics.arms.items():
        named[metric_name("oof", arm.value, _NETWORK, "tuning_target")] = value
    return named


def _row_params(row: BackboneRow) -> dict[str, object]:
    """What the comparison page sets beside the figures: the best configuration and its cost."""
    best = row.configuration.model_dump(exclude={"backbone"})
    return {**best, "multiply_adds": row.multiply_adds, "epochs": row.epochs_done}


def _row_metrics(row: BackboneRow) -> dict[str, float]:
    rows = [
        ("mean_of_arms", _NETWORK, "tuning_target", row.tuning_target),
        ("pooled", _NETWORK, "auc_cd", row.pooled_auc),
        ("pooled", "arm_only", "auc_cd", row.arm_only_auc),
        ("pooled", _NETWORK, "accuracy", row.accuracy),
        ("pooled", _NETWORK, "sensitivity", row.sensitivity),
        ("pooled", _NETWORK, "specificity", row.specificity),
    ]
    rows += [
        (arm.value, _NETWORK, "auc_cd", estimate) for arm, estimate in row.within_arm_auc.items()
    ]
    if row.signal is not None:
        difference = row.signal.pooled_minus_arm_only
        rows.append(("pooled", _NETWORK, "auc_cd_minus_arm_only", difference))
    metrics = _test_metrics(row)
    if row.calibration is not None:
        metrics |= row.calibration.metrics()
    for group, model, estimator, estimate in rows:
        name = metric_name("oof", group, model, estimator, estimate.horizon_days)
        metrics |= estimate_metrics(name, estimate)
    return metrics


def _test_metrics(row: BackboneRow) -> dict[str, float]:
    """What the test patients said, where the protocol lets them choose."""
    metrics: dict[str, float] = {}
    if row.on_test is not None:
        figures = {"auc_cd": row.on_test.auc, "accuracy": row.on_test.accuracy}
        figures |= {"sensitivity": row.on_test.sensitivity, "specificity": row.on_test.specificity}
        for estimator, estimate in figures.items():
            name = metric_name("test", "pooled", _NETWORK, estimator, estimate.horizon_days)
            metrics |= estimate_metrics(name, estimate)
    return metrics
