"""Names of the registered models, and what is known of a version without asking MLflow."""

from components.prediction.recommender import Pin
from components.study.results import Record
from components.study.vocabulary import DataOrigin, TreatmentArm

BACKBONE = "armwise-backbone"
RECOMMENDER = "armwise-recommender"


def nomogram_name(arm: TreatmentArm) -> str:
    """The registered model of an arm's nomogram."""
    return f"armwise-nomogram-{arm.value}"


class Lineage(Record):
    """Where a model comes from: stands as tags on each version."""

    study_id: str
    data_origin: DataOrigin
    git_commit: str
    data_md5: str
    protocol_hash: str
    split_hash: str


class ModelVersion(Record):
    """A version in the registry; `sha256` is that of its content."""

    name: str
    version: str
    run_id: str
    model_uri: str
    sha256: str

    @property
    def pin(self) -> Pin:
        """What a recommender writes down of it."""
        return Pin(name=self.name, version=self.version, sha256=self.sha256)
