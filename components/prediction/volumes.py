"""A patient's two CT phases and ROI -> what the network and the signature say of them."""

import gzip
import io
import tempfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from components.errors import IntegrityError, PatientRejected
from components.imaging.crop import crop_patient
from components.imaging.segment import MAX_BYTES
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

_GZIP = b"\x1f\x8b"
_CHUNK = 1 << 20


class VolumeReading(Record):
    """What the images of a patient say: probability of high risk, and the signature in SD.

    `features` (width,) are those of the network `network_id` at its layer `feature_layer`: they
    have no meaning beside another network's. Where the network was made for several slices or
    lesions of a patient, probability and features are means over them.
    """

    dl_probability: float
    dl_signature: float
    features: tuple[float, ...]
    network_id: str
    feature_layer: str


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
    faults = [
        fault
        for name, content in (("arterial", arterial), ("portal_venous", portal_venous))
        if (fault := _damage(name, content))
    ]
    if faults:
        raise PredictionError(faults)
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
        features=tuple(float(feature) for feature in said.features[0]),
        network_id=reader.network.card.network_id,
        feature_layer=reader.network.card.feature_layer,
    )


def _damage(name: str, content: bytes) -> str | None:
    """What is wrong with a compressed volume as a whole; None where nothing is.

    The crop needs its first part only, so that a file cut off behind it would go unnoticed.
    """
    if not content.startswith(_GZIP):
        return None
    n_bytes = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as stream:
            while part := stream.read(_CHUNK):
                n_bytes += len(part)
                if n_bytes > MAX_BYTES:
                    return f"{name}.nii.gz inflates to more than any CT has; export it again"
    except (OSError, EOFError, zlib.error):
        return f"{name}.nii.gz is cut off or damaged; export it again and send the whole file"
    return None


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
