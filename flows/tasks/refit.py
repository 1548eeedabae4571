"""Step `refit`: the network that is deployed, and every network's features and probabilities."""

from collections.abc import Callable
from pathlib import Path

from components.networks.backbones import feature_layer
from components.networks.bundle import CARD_FILE, WEIGHTS_FILE, load_network
from components.networks.calibrating import write_temperature
from components.networks.device import pick_device
from components.networks.feature_table import Role, write_features
from components.networks.features import Predictions, predict
from components.networks.records import NetworkCard
from components.networks.refit import fold_predictions, refit
from components.networks.training import plan_training
from components.networks.training_set import TrainingSet
from components.study.protocol import Protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import Split
from flows.search_result import read_search
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.tasks.crops import load_crops
from flows.tasks.search import training_set
from flows.terminal import current_display

CHANNELS = ("arterial", "portal_venous", "arterial_minus_portal_hu")


@step_task
def refit_network(
    step: str,
    key: str,
    *,
    cohort: Result,
    crops: Result,
    search: Result,
    protocol: Protocol,
    folder: Path,
    on_test_reading: Callable[[str], None],
) -> Result:
    """The deployed network's bundle, and a feature table for it and for each fold network.

    The test patients' predictions are computed here and nowhere else.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        crops: Result of step `crops`.
        search: Result of step `search`.
        protocol: The science.
        folder: Where bundle and tables go.
        on_test_reading: Told, once, that the test patients' images are being read.
    """
    del step, key
    with current_display().step("Refit and features") as progress:
        table = read_cohort(cohort)
        found, choice = read_search(search)
        patients = training_set(table, crops)
        trial = next(t for t in found.trials if t.configuration == choice.configuration)
        folder.mkdir(parents=True, exist_ok=True)
        device = pick_device()
        folds = [
            _write_fold(
                folder,
                fold,
                name,
                said,
                patients,
                weights=trial.fold_networks[fold],
                layer=feature_layer(protocol.backbone, choice.configuration.backbone).layer,
            )
            for fold, (name, said) in enumerate(
                fold_predictions(trial, patients.crops, device=device).items()
            )
        ]
        progress.update(1, 2, "fold networks' features")
        plan = plan_training(protocol.search, protocol.backbone, seed=protocol.study.seed)
        card = refit(
            patients,
            choice.configuration,
            label=protocol.label,
            plan=plan,
            imaging_hash=protocol.hash(["imaging"]),
            channels=CHANNELS,
            folder=folder / "network",
            stopped_epochs=trial.stopped_epochs,
        )
        row = choice.chosen_row
        temperature = write_temperature(row.calibration if row else None, folder / "network")
        test_ids = list(table.index[table["split"] == Split.TEST.value])
        network = load_network(folder / "network", device=device).network
        on_test_reading("deep features and probability of the refit network")
        fit: Role = "fit"
        test: Role = "test"
        roles = [fit] * len(patients.patient_ids) + [test] * len(test_ids)
        everyone = [*patients.patient_ids, *test_ids]
        said = predict(network, load_crops(crops, everyone))
        deployed = _write(folder / "features-refit.parquet", said, everyone, roles, card)
        progress.note = f"{card.network_id}, {card.width} features"
    return {
        "network": {
            name: ArtifactRef.of(folder / "network" / name).model_dump()
            for name in (WEIGHTS_FILE, CARD_FILE, *([temperature.name] if temperature else []))
        },
        "network_folder": str(folder / "network"),
        "card": card.model_dump(mode="json", by_alias=True),
        "adaptations": [said.model_dump() for said in card.adaptations],
        "fold_features": folds,
        "features": deployed,
        "test_patients": test_ids,
        "test_probability": [float(p) for p in said.probability[len(patients.patient_ids) :]],
    }


def _write_fold(
    folder: Path,
    fold: int,
    name: str,
    said: Predictions,
    patients: TrainingSet,
    *,
    weights: ArtifactRef,
    layer: str,
) -> Result:
    held_out: Role = "held_out"
    fit: Role = "fit"
    parts = [held_out if number == fold else fit for number in patients.fold_of]
    reference = write_features(
        folder / f"features-fold-{fold}.parquet",
        said.features,
        patient_ids=patients.patient_ids,
        roles=parts,
        network_id=name,
        weights_sha256=weights.sha256,
        layer=layer,
    )
    return {"network_id": name, "table": reference.model_dump()}


def _write(
    path: Path, said: Predictions, patients: list[str], roles: list[Role], card: NetworkCard
) -> Result:
    reference = write_features(
        path,
        said.features,
        patient_ids=patients,
        roles=roles,
        network_id=card.network_id,
        weights_sha256=card.weights_sha256,
        layer=card.feature_layer,
    )
    return {"network_id": card.network_id, "table": reference.model_dump()}
