"""Whether a network's probability of high risk is one, and the temperature that would mend it."""

from pathlib import Path

import numpy as np

from components.networks.honesty_records import ProbabilityCalibration, Temperature
from components.networks.judging import Judged
from components.study.vocabulary import TreatmentArm
from components.survival.label_calibration import (
    fit_temperature,
    label_calibration,
    log_loss,
    with_temperature,
)
from components.survival.target import FloatArray

TEMPERATURE_FILE = "temperature.json"


def calibrate(
    judged: Judged, scores: FloatArray, *, horizon_days: float, level: float
) -> ProbabilityCalibration:
    """Calibration of out-of-fold probabilities (m,) of the judged, within each arm and pooled."""
    by_arm = {}
    for arm in TreatmentArm:
        members = judged.arms == arm.value
        if np.any(members):
            by_arm[arm] = label_calibration(
                judged.target.subset(members),
                scores[members],
                horizon_days=horizon_days,
                weights=judged.weights[members],
                level=level,
            )
    target, weights = judged.target, judged.weights
    return ProbabilityCalibration(
        by_arm=by_arm,
        pooled=label_calibration(
            target, scores, horizon_days=horizon_days, weights=weights, level=level
        ),
        temperature=_temperature(judged, scores, horizon_days),
    )


def write_temperature(calibration: ProbabilityCalibration | None, folder: Path) -> Path | None:
    """Write `temperature.json` into a network's folder; nothing, and none left, without one."""
    path = folder / TEMPERATURE_FILE
    found = None if calibration is None else calibration.temperature
    if found is None:
        path.unlink(missing_ok=True)
        return None
    path.write_text(found.to_json(), encoding="utf-8")
    return path


def _temperature(judged: Judged, scores: FloatArray, horizon_days: float) -> Temperature | None:
    target, weights = judged.target, judged.weights
    found = fit_temperature(target, scores, horizon_days=horizon_days, weights=weights)
    if found is None:
        return None
    losses = [
        log_loss(target, one, horizon_days=horizon_days, weights=weights)
        for one in (scores, with_temperature(scores, found))
    ]
    return Temperature(
        temperature=found,
        horizon_days=horizon_days,
        n_patients=int(np.sum(weights > 0)),
        log_loss_before=losses[0],
        log_loss_after=losses[1],
    )
