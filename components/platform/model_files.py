"""What lies in a registered model: content by file, `model.py`, signature, wheel and card.

No pickle: `model.py` imports a class of the installed wheel, behavior comes from JSON with a
schema, weights are safetensors.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pandas as pd

from components.cohort.schema import PREDICTORS
from components.platform.mlflow_library import mlflow
from components.survival.design import Predictor

ColSpec, DataType, Schema = mlflow.types.ColSpec, mlflow.types.DataType, mlflow.types.Schema
ModelSignature = mlflow.models.ModelSignature

LIGHT_REQUIREMENTS = ("mlflow", "numpy", "pandas", "pydantic", "pyyaml", "scipy")
"""What a nomogram needs to answer."""

HEAVY_REQUIREMENTS = (*LIGHT_REQUIREMENTS, "safetensors", "simpleitk", "torch", "torchvision")
"""What reading images needs beside it."""

IMAGE_COLUMNS = ("arterial", "portal_venous", "roi")

_MODEL_PY = '''"""Answers with the installed armwise; what it knows lies in the files beside it."""

from mlflow.models import set_model

from components.serving.mlflow_model import {model_class}

set_model({model_class}())
'''

_ROW_ANSWER = {
    "arm": DataType.string,
    "model_kind": DataType.string,
    "points": mlflow.types.schema.Map(DataType.double),
    "total_points": DataType.double,
    "linear_predictor": DataType.double,
    "survival": mlflow.types.schema.Map(DataType.double),
    "not_estimable": mlflow.types.schema.Map(DataType.string),
    "median_survival_days": DataType.double,
    "median_survival": DataType.string,
    "notes": mlflow.types.schema.Array(DataType.string),
    "data_origin": DataType.string,
    "notice": DataType.string,
}
_IMAGE_ANSWER = {
    "dl_probability": DataType.double,
    "dl_signature": DataType.double,
    "features": mlflow.types.schema.Array(DataType.double),
    "network_id": DataType.string,
    "feature_layer": DataType.string,
    "data_origin": DataType.string,
    "notice": DataType.string,
}


@dataclass(frozen=True, eq=False)
class ModelFolder:
    """What a kind of model is saved with; `content` is the folder that its class reads."""

    model_class: str
    content: Path
    signature: Any
    example: pd.DataFrame
    requirements: Sequence[str]
    card: str


def nomogram_signature(predictors: Sequence[Predictor]) -> Any:
    """Inputs of a nomogram: its predictors, whose names carry their units."""
    return ModelSignature(
        inputs=Schema([_column(predictor) for predictor in predictors]),
        outputs=_outputs(_ROW_ANSWER),
    )


def backbone_signature() -> Any:
    """Inputs of a backbone: two volumes (.nii.gz) and the ROI (.seg.nrrd) as bytes."""
    return ModelSignature(inputs=Schema(_image_columns()), outputs=_outputs(_IMAGE_ANSWER))


def recommender_signature(predictors: Sequence[Predictor], *, images: bool) -> Any:
    """Inputs of a recommender: all arms' predictors, and images in place of `dl_signature`."""
    columns = [_column(predictor) for predictor in predictors]
    return ModelSignature(inputs=Schema(columns + (_image_columns() if images else [])))


def example_row(predictors: Sequence[Predictor]) -> pd.DataFrame:
    """A row that no patient gave: reference levels and the middle of each training range."""
    cells = {predictor.name: _example_cell(predictor) for predictor in predictors}
    return pd.DataFrame({name: [cell] for name, cell in cells.items()})


def save_model(model: ModelFolder, folder: Path, *, wheel: Path, mlflow_model: Any) -> Path:
    """Write a model in MLflow's format below a folder, ask it its own example, return its path.

    Args:
        model: What is saved.
        folder: Where; an empty folder of its own beside the content.
        wheel: The installation that reads the model; a copy lies in it.
        mlflow_model: MLflow's description of the model, with its ids.

    Raises:
        IntegrityError: The model cannot read its own content.
        InputRefused: The model refuses its own example.
    """
    code = folder / "model.py"
    code.write_text(_MODEL_PY.format(model_class=model.model_class), encoding="utf-8")
    attached = folder / "attached"
    attached.mkdir()
    (attached / "card.md").write_text(model.card, encoding="utf-8")
    shutil.copyfile(wheel, attached / wheel.name)
    path = folder / "model"
    mlflow.pyfunc.save_model(
        path=str(path),
        python_model=str(code),
        artifacts={"content": str(model.content), "attached": str(attached)},
        signature=model.signature,
        input_example=model.example,
        pip_requirements=[f"{name}=={installed_version(name)}" for name in model.requirements],
        mlflow_model=mlflow_model,
    )
    mlflow.pyfunc.load_model(str(path)).predict(model.example)
    for cache in path.rglob("__pycache__"):
        shutil.rmtree(cache)
    return path


def union(groups: Sequence[Sequence[Predictor]]) -> tuple[Predictor, ...]:
    """The predictors of several models, each name once."""
    return tuple({predictor.name: predictor for group in groups for predictor in group}.values())


def _column(predictor: Predictor) -> Any:
    kind = DataType.string if predictor.kind == "categorical" else DataType.double
    # Optional for MLflow, whose message about a missing column quotes the row; the model asks.
    return ColSpec(kind, predictor.name, required=False)


def _image_columns() -> list[Any]:
    return [ColSpec(DataType.binary, name, required=False) for name in IMAGE_COLUMNS]


def _outputs(columns: Mapping[str, Any]) -> Any:
    return Schema([ColSpec(kind, name, required=False) for name, kind in columns.items()])


def _example_cell(predictor: Predictor) -> str | float:
    if predictor.kind == "categorical":
        return predictor.levels[0]
    variable = PREDICTORS.get(predictor.name)
    lower = predictor.lower if predictor.lower is not None else getattr(variable, "lower", None)
    upper = predictor.upper if predictor.upper is not None else getattr(variable, "upper", None)
    return round((float(lower or 0.0) + float(upper or 0.0)) / 2.0, 1)
