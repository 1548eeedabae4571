"""From nomograms and a network to the content of a registered model."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from components.intake.phantom import PhantomPatient, draw_phantom
from components.intake.phantom_files import write_phantom
from components.intake.phantom_lesion import Signs
from components.nomogram.nomogram import Nomogram
from components.platform.model_files import (
    HEAVY_REQUIREMENTS,
    IMAGE_COLUMNS,
    LIGHT_REQUIREMENTS,
    ModelFolder,
    backbone_signature,
    example_row,
    nomogram_signature,
    recommender_signature,
    union,
)
from components.prediction.backbone_card import BackboneCard
from components.prediction.recommender import RecommenderCard
from components.study.vocabulary import TreatmentArm

_EXAMPLE_SEED = 1

_TEMPERATURE = "temperature.json"
"""Beside a network whose probabilities a temperature can mend."""


def nomogram_model(content: Path, nomogram: Nomogram, *, card: str) -> ModelFolder:
    """An arm's nomogram, its record written into a folder."""
    (content / "nomogram.json").write_text(nomogram.to_json(), encoding="utf-8")
    predictors = nomogram.model.predictors
    return ModelFolder(
        model_class="NomogramModel",
        content=content,
        signature=nomogram_signature(predictors),
        example=example_row(predictors),
        requirements=LIGHT_REQUIREMENTS,
        card=card,
    )


def backbone_model(
    content: Path, network: Path, *, signature_json: str, behavior: BackboneCard, card: str
) -> ModelFolder:
    """A network with its signature and the preparation of its images, copied into a folder."""
    for file in ("network.json", "weights.safetensors"):
        shutil.copyfile(network / file, content / file)
    if (network / _TEMPERATURE).exists():
        shutil.copyfile(network / _TEMPERATURE, content / _TEMPERATURE)
    (content / "signature.json").write_text(signature_json, encoding="utf-8")
    (content / "backbone.json").write_text(behavior.to_json(), encoding="utf-8")
    return ModelFolder(
        model_class="BackboneModel",
        content=content,
        signature=backbone_signature(),
        example=_example_images(),
        requirements=HEAVY_REQUIREMENTS,
        card=card,
    )


def recommender_model(
    content: Path,
    nomograms: Mapping[TreatmentArm, Nomogram],
    *,
    pins: RecommenderCard,
    backbone: Path | None,
    card: str,
) -> ModelFolder:
    """The nomograms of all arms and the network (a content folder), copied into a folder."""
    for arm, nomogram in nomograms.items():
        (content / arm.value).mkdir()
        (content / arm.value / "nomogram.json").write_text(nomogram.to_json(), encoding="utf-8")
    if backbone is not None:
        shutil.copytree(backbone, content / "backbone")
    (content / "recommender.json").write_text(pins.to_json(), encoding="utf-8")
    predictors = union([nomogram.model.predictors for nomogram in nomograms.values()])
    return ModelFolder(
        model_class="RecommenderModel",
        content=content,
        signature=recommender_signature(predictors, images=backbone is not None),
        example=example_row(predictors),
        requirements=LIGHT_REQUIREMENTS if backbone is None else HEAVY_REQUIREMENTS,
        card=card,
    )


def _example_images() -> pd.DataFrame:
    """A phantom's images: no patient's may stand in a model."""
    average = Signs(rim=0, washout=0, necrosis=0, texture=0, capsule=0, satellites=0)
    patient = PhantomPatient(diameter_mm=40.0, location="right", is_cirrhotic=True, signs=average)
    phantom = draw_phantom(patient, rng=np.random.default_rng(_EXAMPLE_SEED))
    with tempfile.TemporaryDirectory(prefix="armwise-") as name:
        files = ("arterial.nii.gz", "portal_venous.nii.gz", "roi.seg.nrrd")
        paths = {
            column: Path(name) / file for column, file in zip(IMAGE_COLUMNS, files, strict=True)
        }
        write_phantom(phantom, **paths)
        return pd.DataFrame({column: [path.read_bytes()] for column, path in paths.items()})
