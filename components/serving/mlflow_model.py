"""The models as MLflow serves them; `model.py` in a registered model imports one of these classes.

A model checks its own input: its signature calls every column optional, so that a missing one is
named here and not by MLflow, whose messages quote the row. A value of the wrong type is refused by
MLflow before the model is asked, and that message does quote it.
"""

import base64
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc import PythonModel

from components.errors import DataError, IntegrityError
from components.nomogram.nomogram import Nomogram
from components.prediction.errors import PredictionError
from components.prediction.recommender import (
    Pin,
    RecommenderCard,
    notice,
    recommend,
    uses_signature,
)
from components.prediction.row import SIGNATURE, predict_row
from components.prediction.stored import content_digest, read_stored
from components.study.results import Record

if TYPE_CHECKING:
    from components.prediction.volumes import ImageReader

NOMOGRAM_FILE = "nomogram.json"
RECOMMENDER_FILE = "recommender.json"
BACKBONE_FOLDER = "backbone"
IMAGE_COLUMNS = ("arterial", "portal_venous", "roi")

_CONTENT = "content"
"""Name of the artifact folder that holds what a model is made of."""


class InputRefused(MlflowException):
    """A request that the model refuses (HTTP 400).

    MLflow's server writes the whole input in front of a model's message; these are a patient's
    values, so the message keeps to what it was made with.
    """

    def __init__(self, message: str) -> None:
        self._said = message
        super().__init__(message, error_code=INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        """What was refused, without values."""
        return self._said

    @message.setter
    def message(self, value: str) -> None:
        """Ignored: see the class."""


class NomogramModel(PythonModel):
    """An arm's nomogram: a patient's row -> points and survival."""

    def load_context(self, context: Any) -> None:
        """Read the nomogram.

        Raises:
            IntegrityError: It is missing, damaged or of an unknown schema.
        """
        folder = Path(context.artifacts[_CONTENT])
        self._nomogram = read_stored(folder / NOMOGRAM_FILE, Nomogram)

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One answer a row; see `RowPrediction`.

        Raises:
            InputRefused: A row lacks a predictor or holds what cannot be; no value is quoted.
        """
        del context, params

        def answer(row: Mapping[str, Any]) -> dict[str, Any]:
            said = predict_row(self._nomogram, row)
            return {**_plain(said), "notice": notice(said.data_origin)}

        return _answer_rows(model_input, answer)


class BackboneModel(PythonModel):
    """The network and signature: two CT phases and the ROI -> probability and signature."""

    def load_context(self, context: Any) -> None:
        """Read network and signature.

        Raises:
            IntegrityError: A file is missing, damaged or of an unknown schema.
        """
        self._reader = _open_reader(Path(context.artifacts[_CONTENT]))

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One answer a row: probability, signature, deep features, and where they come from.

        See `VolumeReading`.

        Raises:
            InputRefused: An image is missing or cannot be read.
        """
        del context, params
        origin = self._reader.card.data_origin

        def answer(row: Mapping[str, Any]) -> dict[str, Any]:
            said = _plain(_read(self._reader, _images(row, required=True)))
            return {**said, "data_origin": origin.value, "notice": notice(origin)}

        return _answer_rows(model_input, answer)


class RecommenderModel(PythonModel):
    """The pinned models of all arms together; says that their contrast is not yet assessed."""

    def load_context(self, context: Any) -> None:
        """Read the pinned models.

        Raises:
            IntegrityError: A file is missing, damaged or of an unknown schema.
        """
        folder = Path(context.artifacts[_CONTENT])
        card = read_stored(folder / RECOMMENDER_FILE, RecommenderCard)
        self._nomograms = {
            arm: read_stored(_pinned(folder / arm.value, pin) / NOMOGRAM_FILE, Nomogram)
            for arm, pin in card.nomograms.items()
        }
        self._reader = (
            _open_reader(_pinned(folder / BACKBONE_FOLDER, card.backbone))
            if card.backbone
            else None
        )

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """One answer a row; see `Recommendation`.

        Raises:
            InputRefused: A row lacks a predictor or holds what cannot be; no value is quoted.
        """
        del context, params
        return _answer_rows(model_input, self._recommend)

    def _recommend(self, row: Mapping[str, Any]) -> dict[str, Any]:
        clinical = {name: value for name, value in row.items() if name not in IMAGE_COLUMNS}
        images = _images(row, required=False)
        if not images or not uses_signature(self._nomograms):
            return _plain(recommend(self._nomograms, clinical))
        if not _is_empty(clinical.get(SIGNATURE)):
            raise PredictionError([f"expected either images or '{SIGNATURE}', came both"])
        if self._reader is None:
            raise PredictionError([f"this model holds no network; give '{SIGNATURE}' instead"])
        reading = _read(self._reader, images)
        clinical[SIGNATURE] = reading.dl_signature
        return _plain(recommend(self._nomograms, clinical, dl_probability=reading.dl_probability))


def _pinned(folder: Path, pin: Pin) -> Path:
    """The folder, once its content is known to be that of the pinned version."""
    if content_digest(folder) != pin.sha256:
        msg = (
            f"the copy of {pin.name} version {pin.version} in this recommender is not what was "
            "pinned; its files were changed: serve another version"
        )
        raise IntegrityError(msg)
    return folder


def _open_reader(folder: Path) -> "ImageReader":
    from components.prediction.volumes import open_reader  # torch: 7 s that a nomogram spares

    return open_reader(folder)


def _read(reader: "ImageReader", images: Mapping[str, bytes]) -> Any:
    from components.prediction.volumes import read_volumes

    return read_volumes(reader, **images)


def _images(row: Mapping[str, Any], *, required: bool) -> dict[str, bytes]:
    """The row's image files by column; empty if there are none and none is required."""
    given = {name: row[name] for name in IMAGE_COLUMNS if not _is_empty(row.get(name))}
    if not given and not required:
        return {}
    faults = [f"column '{name}' is missing" for name in IMAGE_COLUMNS if name not in given]
    if faults:
        raise PredictionError(faults)
    return {name: _bytes(name, value) for name, value in given.items()}


def _bytes(column: str, value: Any) -> bytes:
    """A file's bytes; base64 text is what JSON carries."""
    if isinstance(value, bytes | bytearray):
        return bytes(value)
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError):
        msg = f"column '{column}': expected a file's bytes, or these as base64 text"
        raise PredictionError([msg]) from None


def _answer_rows(table: pd.DataFrame, answer: Any) -> list[dict[str, Any]]:
    """The answer to each row; a refusal names rows by number and quotes nothing."""
    if table.empty:
        msg = "expected at least one patient with some predictors, came none"
        raise InputRefused(msg)
    answers, refused = [], []
    for number, row in enumerate(table.to_dict(orient="records"), start=1):
        try:
            answers.append(
                answer({name: cell for name, cell in row.items() if not _is_empty(cell)})
            )
        except DataError as error:
            refused.append(f"row {number}: {error}" if len(table) > 1 else str(error))
    if refused:
        raise InputRefused("; ".join(refused))
    return answers


def _plain(record: Record) -> dict[str, Any]:
    """A record as what JSON can hold: text keys, no NaN."""
    content: dict[str, Any] = json.loads(record.to_json())
    return content


def _is_empty(cell: Any) -> bool:
    return cell is None or cell is pd.NA or (isinstance(cell, float) and math.isnan(cell))
