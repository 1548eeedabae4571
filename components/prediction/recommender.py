"""Each arm's prognosis for one patient, from the exact models that a recommender pins."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from components.nomogram.nomogram import Nomogram
from components.prediction.errors import PredictionError
from components.prediction.row import SIGNATURE, RowPrediction, predict_row
from components.study.results import Record
from components.study.vocabulary import DataOrigin, TreatmentArm

CONTRAST_NOT_ASSESSED = (
    "The contrast between the treatments is not yet assessed: each survival is the prognosis of "
    "patients who started with this treatment, not what choosing it would change."
)

SYNTHETIC_NOTICE = "data_origin: synthetic. Made from invented patients; not for any real patient."


class Pin(Record):
    """A model version and the SHA-256 of its content."""

    name: str
    version: str
    sha256: str


class RecommenderCard(Record):
    """`recommender.json`: which exact models answer together."""

    schema_: Literal["armwise.recommender/1"] = Field(
        default="armwise.recommender/1", alias="schema"
    )
    study_id: str
    data_origin: DataOrigin
    data_version: str
    nomograms: dict[TreatmentArm, Pin] = Field(min_length=1)
    backbone: Pin | None


class Recommendation(Record):
    """Each arm's prognosis; `notice` watermarks what comes from synthetic data."""

    arms: dict[TreatmentArm, RowPrediction]
    dl_signature: float | None
    dl_probability: float | None
    contrast: str = CONTRAST_NOT_ASSESSED
    data_origin: DataOrigin
    notice: str | None


def notice(origin: DataOrigin) -> str | None:
    """The watermark of an answer."""
    return SYNTHETIC_NOTICE if origin is DataOrigin.SYNTHETIC else None


def uses_signature(nomograms: Mapping[TreatmentArm, Nomogram]) -> bool:
    """Whether any of the nomograms reads the images' signature."""
    return any(
        predictor.name == SIGNATURE
        for nomogram in nomograms.values()
        for predictor in nomogram.model.predictors
    )


def recommend(
    nomograms: Mapping[TreatmentArm, Nomogram],
    row: Mapping[str, Any],
    *,
    dl_probability: float | None = None,
) -> Recommendation:
    """Each arm's prognosis of one patient.

    Args:
        nomograms: One of each arm.
        row: The predictors of all of them, `dl_signature` among them where one reads it.
        dl_probability: What the network said of the images, if it was asked.

    Raises:
        PredictionError: As `predict_row`, with the faults of all arms.
    """
    known = {one.name for nomogram in nomograms.values() for one in nomogram.model.predictors}
    answers: dict[TreatmentArm, RowPrediction] = {}
    faults: list[str] = []
    for arm, nomogram in nomograms.items():
        try:
            answers[arm] = predict_row(nomogram, row, also_known=known)
        except PredictionError as error:
            faults += [fault for fault in error.faults if fault not in faults]
    if faults:
        raise PredictionError(faults)
    origin = next(iter(nomograms.values())).data_origin
    signature = row.get(SIGNATURE) if uses_signature(nomograms) else None
    return Recommendation(
        arms=answers,
        dl_signature=None if signature is None else float(signature),
        dl_probability=dl_probability,
        data_origin=origin,
        notice=notice(origin),
    )
