"""Versions in MLflow's registry: made together, found again on resumption, removed on failure."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from components.errors import PlatformError, UsageError
from components.nomogram.nomogram import Nomogram
from components.platform.journal import Intention, intending, new_identity
from components.platform.mlflow_library import mlflow
from components.platform.model_contents import (
    backbone_model,
    nomogram_model,
    recommender_model,
)
from components.platform.model_files import ModelFolder, save_model
from components.platform.model_version import (
    BACKBONE,
    RECOMMENDER,
    Lineage,
    ModelVersion,
    nomogram_name,
)
from components.platform.package import build_wheel
from components.platform.pages import model_description
from components.platform.tracking import Store, Tracking
from components.prediction.backbone_card import BackboneCard
from components.prediction.recommender import RecommenderCard
from components.prediction.stored import content_digest
from components.study.protocol.imaging import ImagingSection
from components.study.vocabulary import TreatmentArm

__all__ = [
    "BACKBONE",
    "RECOMMENDER",
    "Lineage",
    "ModelVersion",
    "Registration",
    "nomogram_name",
    "registering",
    "remove_registration",
]

MlflowException = mlflow.exceptions.MlflowException

IDENTITY_TAG = "armwise.registration"
DIGEST_TAG = "armwise.sha256"


class Registration:
    """Makes the versions of one retraining; use it through `registering`."""

    def __init__(
        self, tracking: Tracking, *, run_id: str, lineage: Lineage, identity: str, folder: Path
    ) -> None:
        self._tracking = tracking
        self._run_id = run_id
        self._lineage = lineage
        self._identity = identity
        self._folder = folder
        self._built: Path | None = None

    def nomogram(
        self,
        nomogram: Nomogram,
        *,
        card: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """A version of an arm's nomogram.

        Args:
            nomogram: The nomogram; its arm names the registered model.
            card: The model card in Markdown.
            metrics: Figures of the model, by their names in the run.
            tags: Further tags of the version.
        """
        name = nomogram_name(nomogram.arm)
        model = nomogram_model(self._content(name), nomogram, card=card)
        own = {"arm": nomogram.arm.value, "nomogram_kind": nomogram.model_kind.value}
        return self._version(name, model, tags={**own, **(tags or {})}, metrics=metrics)

    def backbone(
        self,
        network: Path,
        *,
        signature_json: str,
        imaging: ImagingSection,
        card: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """A version of the network with its signature.

        Args:
            network: Bundle folder, `network.json` beside `weights.safetensors`.
            signature_json: The deployed signature, as its `to_json` gives it.
            imaging: How the network's crops were made.
            card: The model card in Markdown.
            metrics: Figures of the model, by their names in the run.
            tags: Further tags of the version.
        """
        behavior = BackboneCard(
            study_id=self._lineage.study_id,
            data_origin=self._lineage.data_origin,
            imaging=imaging,
        )
        model = backbone_model(
            self._content(BACKBONE),
            network,
            signature_json=signature_json,
            behavior=behavior,
            card=card,
        )
        return self._version(BACKBONE, model, tags=tags or {}, metrics=metrics)

    def recommender(
        self,
        nomograms: Mapping[TreatmentArm, tuple[ModelVersion, Nomogram]],
        *,
        backbone: ModelVersion | None,
        card: str,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> ModelVersion:
        """A version that pins the exact nomograms and backbone and holds their content.

        It answers without a registry at hand; the pins say which versions it holds.

        Args:
            nomograms: Each arm's version and the nomogram in it.
            backbone: The network's version of this registration, or None for a null signature.
            card: The model card in Markdown.
            metrics: Figures of the model, by their names in the run.
            tags: Further tags of the version.
        """
        pins = RecommenderCard(
            study_id=self._lineage.study_id,
            data_origin=self._lineage.data_origin,
            data_version=self._lineage.data_md5,
            nomograms={arm: version.pin for arm, (version, _) in nomograms.items()},
            backbone=backbone.pin if backbone else None,
        )
        model = recommender_model(
            self._content(RECOMMENDER),
            {arm: nomogram for arm, (_, nomogram) in nomograms.items()},
            pins=pins,
            backbone=self._folder / BACKBONE / "content" if backbone else None,
            card=card,
        )
        return self._version(RECOMMENDER, model, tags=tags or {}, metrics=metrics)

    def _wheel(self) -> Path:
        """The running installation, built once a registration."""
        if self._built is None:
            self._built = build_wheel(self._folder / "wheel")
        return self._built

    def _content(self, name: str) -> Path:
        folder = self._folder / name / "content"
        if folder.exists():
            msg = f"{name} was registered already in this registration; one version of each is made"
            raise UsageError(msg)
        folder.mkdir(parents=True)
        return folder

    def _version(
        self,
        name: str,
        model: ModelFolder,
        *,
        tags: Mapping[str, str],
        metrics: Mapping[str, float] | None,
    ) -> ModelVersion:
        digest = content_digest(model.content)
        found = self._made_before(name, digest)
        if found is not None:
            return found
        lineage = self._lineage.model_dump(mode="json")
        own = {**lineage, DIGEST_TAG: digest, IDENTITY_TAG: self._identity}
        every = {"run_id": self._run_id, **own, **tags}
        client = self._tracking.client
        model_id = self._log_model(name, model, tags=every)
        now_ms = int(time.time() * 1000)
        figures = [
            mlflow.entities.Metric(metric, value, now_ms, 0, model_id=model_id, run_id=self._run_id)
            for metric, value in (metrics or {}).items()
        ]
        if figures:
            client.log_batch(self._run_id, metrics=figures)
        with contextlib.suppress(MlflowException):  # it is there already
            client.create_registered_model(name, description=model_description(name))
        made = client.create_model_version(
            name,
            source=f"models:/{model_id}",
            run_id=self._run_id,
            tags=every,
            description=model.card,
            model_id=model_id,
        )
        return _model_version(made, digest)

    def _log_model(self, name: str, model: ModelFolder, *, tags: Mapping[str, str]) -> str:
        client = self._tracking.client
        logged = client.create_logged_model(
            self._tracking.experiment_id,
            name=name,
            source_run_id=self._run_id,
            tags=dict(tags),
            model_type=model.model_class,
        )
        described = mlflow.models.Model(
            artifact_path=logged.artifact_location,
            run_id=self._run_id,
            model_uuid=logged.model_id,
            model_id=logged.model_id,
        )
        path = save_model(model, model.content.parent, wheel=self._wheel(), mlflow_model=described)
        client.log_model_artifacts(logged.model_id, str(path))
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(
            self._run_id, [mlflow.entities.LoggedModelOutput(logged.model_id, step=0)]
        )
        return str(logged.model_id)

    def _made_before(self, name: str, digest: str) -> ModelVersion | None:
        """The version that an earlier attempt of the same run made of the same content."""
        query = f"name = '{name}' and run_id = '{self._run_id}'"
        for found in self._tracking.client.search_model_versions(query):
            if found.tags.get(DIGEST_TAG) == digest:
                return _model_version(found, digest)
        return None


@contextlib.contextmanager
def registering(
    tracking: Tracking, *, home: Path, run_id: str, lineage: Lineage
) -> Iterator[Registration]:
    """Register the versions of one retraining, all or none.

    Where the block fails the versions made so far are removed; where the process dies, `repair`
    of the next start removes them.

    Args:
        tracking: Where models are recorded.
        home: The ARMWISE home folder, for the journal.
        run_id: The study's run.
        lineage: Where the models come from.

    Raises:
        PlatformError: MLflow did not do its part.
    """
    identity = new_identity()
    intention = Intention(kind="registration", identity=identity)
    with intending(home, intention), tempfile.TemporaryDirectory(prefix="armwise-") as name:
        try:
            yield Registration(
                tracking, run_id=run_id, lineage=lineage, identity=identity, folder=Path(name)
            )
        except BaseException as error:
            remove_registration(tracking, identity)
            if isinstance(error, MlflowException):
                msg = f"MLflow could not register a model: {str(error).splitlines()[0]}"
                raise PlatformError(msg) from error
            raise


def remove_registration(store: Store, identity: str) -> tuple[str, ...]:
    """Remove what a registration made; returns what was removed, in words."""
    client = store.client
    removed = []
    for found in client.search_model_versions(f"tag.`{IDENTITY_TAG}` = '{identity}'"):
        client.delete_model_version(found.name, str(found.version))
        removed.append(f"{found.name} version {found.version}")
        others = client.search_model_versions(f"name = '{found.name}'")
        # Tags of the model itself are the history of promotions: it outlives the versions.
        if not others and not client.get_registered_model(found.name).tags:
            client.delete_registered_model(found.name)
    experiments = [one.experiment_id for one in client.search_experiments()]
    logged: Any = client.search_logged_models(
        experiments, filter_string=f"tags.`{IDENTITY_TAG}` = '{identity}'"
    )
    for model in logged:
        client.delete_logged_model(model.model_id)
    return tuple(removed)


def _model_version(found: Any, digest: str) -> ModelVersion:
    version = str(found.version)  # an int from a database, text from a server
    return ModelVersion(
        name=found.name,
        version=version,
        run_id=found.run_id,
        model_uri=f"models:/{found.name}/{version}",
        sha256=digest,
    )
