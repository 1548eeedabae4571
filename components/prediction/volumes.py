"""A patient's two CT phases and ROI -> what the network and the signature say of them."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.errors import IntegrityError, PatientRejected
from components.imaging.crop import crop_patient
from components.networks.bundle import LoadedNetwork, load_network
from components.networks.features import predict
from components.nomogram.nomogram import Nomogram
from components.prediction.backbone_card import BackboneCard
from components.prediction.errors import PredictionError
from components.prediction.recommender import Recommendation, recommend
from components.prediction.row import SIGNATURE
from components.prediction.stored import read_stored
from components.signature.signature import Signature
from components.study.results import Record
from components.study.vocabulary import TreatmentArm

BACKBONE_FILE = "backbone.json"
SIGNATURE_FILE = "signature.json"

_ASKED = "asked"
"""Stands for the pseudonym that a request does not carry."""


class VolumeReading(Record):
    """What the images of a patient say: probability of high risk, and the signature in SD."""

    dl_probability: float
    dl_signature: float


@dataclass(frozen=True, eq=False)
class ImageReader:
    """A network with its signature and the preparation of its images."""

    network: LoadedNetwork
    signature: Signature
    card: BackboneCard


def open_reader(folder: Path) -> ImageReader:
    """The reader in a folder of `network.json`, its weights, `signature.json`, `backbone.json`.

    Raises:
        IntegrityError: A file is missing, damaged, of an unknown schema, or of another network.
    """
    network = load_network(folder)
    signature = read_stored(folder / SIGNATURE_FILE, Signature)
    if signature.network_id != network.card.network_id:
        msg = (
            f"{folder}: the signature belongs to network {signature.network_id}, beside it lies "
            f"{network.card.network_id}; deep features of two networks do not align"
        )
        raise IntegrityError(msg)
    return ImageReader(network, signature, read_stored(folder / BACKBONE_FILE, BackboneCard))


def read_volumes(
    reader: ImageReader, *, arterial: bytes, portal_venous: bytes, roi: bytes
) -> VolumeReading:
    """What a reader says of one patient's images.

    Args:
        reader: Network and signature.
        arterial: A NIfTI file (.nii.gz).
        portal_venous: A NIfTI file (.nii.gz).
        roi: A segmentation as 3D Slicer writes it (.seg.nrrd).

    Raises:
        PredictionError: An image cannot be read, or images and ROI do not belong together.
    """
    with tempfile.TemporaryDirectory(prefix="armwise-") as name:
        paths = {
            "arterial": Path(name) / "arterial.nii.gz",
            "portal_venous": Path(name) / "portal_venous.nii.gz",
            "roi": Path(name) / "roi.seg.nrrd",
        }
        paths["arterial"].write_bytes(arterial)
        paths["portal_venous"].write_bytes(portal_venous)
        paths["roi"].write_bytes(roi)
        try:
            crop = crop_patient(_ASKED, **paths, section=reader.card.imaging)
        except PatientRejected as error:
            raise PredictionError([error.reason]) from None
    said = predict(reader.network.network, crop[None])
    return VolumeReading(
        dl_probability=float(said.probability[0]),
        dl_signature=float(reader.signature.apply(said.features.astype(np.float64))[0]),
    )


def predict_volumes(
    reader: ImageReader,
    nomograms: Mapping[TreatmentArm, Nomogram],
    row: Mapping[str, Any],
    *,
    arterial: bytes,
    portal_venous: bytes,
    roi: bytes,
) -> Recommendation:
    """Each arm's prognosis from a patient's images and clinical row.

    Raises:
        PredictionError: As `read_volumes` and `recommend`.
    """
    reading = read_volumes(reader, arterial=arterial, portal_venous=portal_venous, roi=roi)
    return recommend(
        nomograms,
        {**row, SIGNATURE: reading.dl_signature},
        dl_probability=reading.dl_probability,
    )
