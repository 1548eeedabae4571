"""What the champion, and the first model ever approved, say of the challenger's test patients."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from components.arms.records import ArmModels
from components.cohort.dataset import Dataset
from components.imaging.crop import crop_patient, stack_crops
from components.nomogram.nomogram import Nomogram
from components.prediction.recommender import uses_signature
from components.promotion.evidence import rival_difference
from components.study.protocol import EvaluationSection
from components.study.results import Estimate
from components.study.vocabulary import Phase, TreatmentArm


@dataclass(frozen=True, eq=False)
class Rival:
    """A recommender's nomograms, and its own signature of the test patients (None: it has none)."""

    nomograms: dict[TreatmentArm, Nomogram]
    signature: pd.Series | None


def open_rival(
    content: Path, dataset: Dataset | None, test_patients: Sequence[str]
) -> Rival | None:
    """A recommender's content, its network asked about the test patients' images.

    The images are cropped as the rival's own protocol says. None where the rival has a signature
    of which these patients' value cannot be known: no images, or features given by others.

    Raises:
        IntegrityError: The content is incomplete or damaged.
        PatientRejected: A test patient's images cannot be cropped for the rival.
    """
    nomograms = {
        TreatmentArm(path.parent.name): Nomogram.from_json(path.read_bytes())
        for path in sorted(content.glob("*/nomogram.json"))
    }
    folder = content / "backbone"
    if not uses_signature(nomograms):
        return Rival(nomograms, None)
    if dataset is None or not folder.is_dir():
        return None
    from components.networks.features import predict  # torch: 7 s that tables alone spare
    from components.prediction.volumes import open_reader

    reader = open_reader(folder)
    crops = stack_crops(
        [
            crop_patient(
                patient,
                dataset.image_path(patient, Phase.ARTERIAL),
                dataset.image_path(patient, Phase.PORTAL_VENOUS),
                dataset.roi_path(patient),
                reader.card.imaging,
            )
            for patient in test_patients
        ]
    )
    features = predict(reader.network.network, crops).features
    scores = reader.signature.apply(features.astype(np.float64))
    return Rival(nomograms, pd.Series(scores, index=list(test_patients), name="dl_signature"))


def difference_from(
    rival: Rival,
    arm: TreatmentArm,
    models: ArmModels,
    patients: pd.DataFrame,
    *,
    evaluation: EvaluationSection,
    level: float,
) -> Estimate | None:
    """The challenger's C minus the rival's in the arm; None where the rival lacks the arm."""
    nomogram = rival.nomograms.get(arm)
    if nomogram is None:
        return None
    known = patients
    if rival.signature is not None:
        known = patients.assign(dl_signature=rival.signature.reindex(patients.index))
    return rival_difference(
        models.nomogram_model,
        patients,
        rival=nomogram.model,
        rival_patients=known,
        evaluation=evaluation,
        level=level,
    )
