"""Step `heat_maps`: where the deployed network looks, in every patient's crop."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.cohort.dataset import Dataset
from components.cohort.endpoint import survival_target
from components.imaging.crop_mask import crop_mask, crop_view
from components.networks.bundle import load_network
from components.networks.features import predict
from components.networks.gradcam import enlarged, heat_maps
from components.networks.heat_examples import Candidates
from components.networks.heat_files import (
    HeatPicture,
    HeatTable,
    write_array,
    write_heat,
    write_pictures,
)
from components.networks.heat_records import HeatExample, HeatMaps, RandomisationCheck, parts_of
from components.networks.heat_share import heat_shares, randomisation_check
from components.networks.network import Network
from components.networks.records import NetworkCard
from components.reporting.heat_content import HeatContent
from components.reporting.heat_figures import (
    draw_heat_check,
    draw_heat_examples,
    draw_heat_ratios,
)
from components.reporting.style import save
from components.study.protocol import ImagingSection, Protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import Phase, Split, TreatmentArm
from flows.keys import digest, source_hash
from flows.search_result import read_search
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.tasks.crops import load_crops
from flows.terminal import current_display

VIEW_PX = 192
"""Edge of an example's picture: finer than the crop, whose pixels a reader would see."""

READING = "heat maps of the refit network: images alone, no outcome"


@step_task
def map_heat(
    step: str,
    key: str,
    *,
    dataset: Dataset,
    cohort: Result,
    crops: Result,
    search: Result,
    refit: Result,
    protocol: Protocol,
    file_md5s: Mapping[str, str],
    folder: Path,
    masks_folder: Path,
    on_test_reading: Callable[[str], object],
) -> Result:
    """The heat of all patients beside their ROI, the randomisation check, and examples.

    Of the test patients images and ROI are read, and neither an outcome nor what the network
    predicts of them. Check and examples are of training patients.

    Args:
        step: Name of the step.
        key: Its key.
        dataset: The patients' files.
        cohort: Result of step `cohort`.
        crops: Result of step `crops`.
        search: Result of step `search`.
        refit: Result of step `refit`.
        protocol: The science.
        file_md5s: Of the dataset's files, by their path within it.
        folder: Where table and figures go.
        masks_folder: Where ROIs in their crops' geometry are kept by their content.
        on_test_reading: Told, once, that the test patients' images are being read.
    """
    del step, key
    with current_display().step("Heat maps") as progress:
        folder.mkdir(parents=True, exist_ok=True)
        table = read_cohort(cohort)
        train = list(table.index[table["split"] == Split.TRAIN.value])
        everyone = [*train, *table.index[table["split"] == Split.TEST.value]]
        masks = roi_masks(
            dataset, protocol.imaging, everyone, file_md5s=file_md5s, folder=masks_folder
        )
        progress.update(1, 3, "ROIs")
        loaded = load_network(Path(refit["network_folder"]))
        on_test_reading(READING)
        images = load_crops(crops, everyone)
        heat = heat_maps(loaded.network, images)
        progress.update(2, 3, "maps")
        level = protocol.evaluation.confidence_level
        check, alike = randomisation_check(
            loaded.network,
            images[: len(train)],
            heat[: len(train)],
            seed=protocol.study.seed,
            level=level,
        )
        rows = _table(table.loc[everyone], heat, _read_masks(masks, everyone), alike)
        shown, pictures = _examples(
            dataset,
            table.loc[train],
            search,
            loaded.network,
            images=images[: len(train)],
            heat=heat[: len(train)],
            ratio=rows.ratio[: len(train)],
            protocol=protocol,
        )
        maps = _reported(loaded.card, heat, rows, level=level, check=check, examples=shown)
        written = _write(folder, maps, rows, pictures, protocol, dataset)
        progress.note = f"{len(everyone)} patients, {maps.cells[0]} x {maps.cells[1]} cells"
    return {
        "maps": maps.model_dump(mode="json", by_alias=True),
        **{name: reference.model_dump() for name, reference in written.items()},
        "roi_masks": masks,
    }


def _reported(
    card: NetworkCard,
    heat: NDArray[np.float32],
    rows: HeatTable,
    *,
    level: float,
    check: RandomisationCheck,
    examples: tuple[HeatExample, ...],
) -> HeatMaps:
    return HeatMaps(
        network_id=card.network_id,
        layer=card.feature_layer,
        cells=(heat.shape[1], heat.shape[2]),
        crop_px=card.crop_px,
        parts=parts_of(
            np.array(rows.arms),
            np.array(rows.splits),
            rows.ratio,
            rows.roi_share,
            (rows.lowest, rows.highest),
            level=level,
        ),
        check=check,
        examples=examples,
    )


def roi_masks(
    dataset: Dataset,
    section: ImagingSection,
    patient_ids: Sequence[str],
    *,
    file_md5s: Mapping[str, str],
    folder: Path,
) -> dict[str, dict[str, object]]:
    """References of the patients' ROIs in the geometry of their crops, made once for their files.

    Raises:
        PatientRejected: A file cannot be read any more.
    """
    code = source_hash("components.imaging.crop_mask")

    def one(patient_id: str) -> tuple[str, dict[str, object]]:
        files = _files(dataset, patient_id)
        names = [str(path.relative_to(dataset.root)) for path in files]
        content = digest("roi", [file_md5s.get(name) for name in names], section.model_dump(), code)
        path = folder / content[:2] / f"{content}.npy"
        if path.exists():
            return patient_id, ArtifactRef.of(path).model_dump()
        return patient_id, write_array(path, crop_mask(patient_id, *files, section)).model_dump()

    with ThreadPoolExecutor(section.workers) as pool:
        return dict(pool.map(one, patient_ids))


def _files(dataset: Dataset, patient_id: str) -> tuple[Path, Path, Path]:
    arterial, portal_venous = (dataset.image_path(patient_id, phase) for phase in Phase)
    return arterial, portal_venous, dataset.roi_path(patient_id)


def _read_masks(
    masks: Mapping[str, Mapping[str, object]], patient_ids: Sequence[str]
) -> NDArray[np.float32]:
    paths = [ArtifactRef.model_validate(masks[patient]).path for patient in patient_ids]
    return np.stack([np.load(path, allow_pickle=False) for path in paths])


def _table(
    patients: pd.DataFrame,
    heat: NDArray[np.float32],
    roi: NDArray[np.float32],
    alike: NDArray[np.float64],
) -> HeatTable:
    shares = heat_shares(heat, roi)
    outside = np.full(len(patients) - len(alike), np.nan)
    return HeatTable(
        patient_ids=tuple(patients.index),
        arms=tuple(patients["arm"]),
        splits=tuple(patients["split"]),
        roi_share=shares.roi_share,
        heat_in_roi=shares.heat_in_roi,
        ratio=shares.ratio,
        lowest=shares.lowest,
        highest=shares.highest,
        shuffled_correlation=np.concatenate([alike, outside]),
    )


def _examples(
    dataset: Dataset,
    patients: pd.DataFrame,
    search: Result,
    network: Network,
    *,
    images: NDArray[np.float32],
    heat: NDArray[np.float32],
    ratio: NDArray[np.float64],
    protocol: Protocol,
) -> tuple[tuple[HeatExample, ...], tuple[HeatPicture, ...]]:
    """Training patients to look at, by what the fold networks that have not seen them say."""
    candidates = Candidates.of(
        _oof_probability(search, list(patients.index)),
        survival_target(patients),
        patients["arm"].to_numpy(dtype=np.str_),
        label=protocol.label,
    )
    chosen = candidates.chosen()
    shown, pictures = [], []
    for kind, row in chosen.items():
        patient_id = str(patients.index[row])
        view = crop_view(
            patient_id, *_files(dataset, patient_id), protocol.imaging, size_px=VIEW_PX
        )
        one = heat[row : row + 1]
        shown.append(
            HeatExample(
                kind=kind,
                arm=TreatmentArm(patients["arm"].iloc[row]),
                label=candidates.labels[row],
                oof_probability=float(candidates.oof_probability[row]),
                probability=float(predict(network, images[row : row + 1]).probability[0]),
                weighted_error=float(candidates.weighted_error[row]),
                ratio=float(ratio[row]) if np.isfinite(ratio[row]) else None,
                phase="portal venous" if view.is_portal_venous else "arterial",
            )
        )
        large = enlarged(one, view.hu.shape)[0]
        pictures.append(
            HeatPicture(view.hu.astype(np.float32), view.roi, large / max(large.max(), 1e-30))
        )
    return tuple(shown), tuple(pictures)


def _oof_probability(search: Result, patient_ids: Sequence[str]) -> NDArray[np.float64]:
    found, choice = read_search(search)
    trial = next(t for t in found.trials if t.configuration == choice.configuration)
    scores = dict(zip(found.patient_ids, trial.oof_scores, strict=True))
    known = (scores[patient] for patient in patient_ids)
    return np.array([np.nan if score is None else score for score in known])


def _write(
    folder: Path,
    maps: HeatMaps,
    rows: HeatTable,
    pictures: Sequence[HeatPicture],
    protocol: Protocol,
    dataset: Dataset,
) -> dict[str, ArtifactRef]:
    origin = dataset.card().origin
    written = {
        "table": write_heat(folder / "heat_maps.parquet", rows, network_id=maps.network_id),
        "pictures": write_pictures(folder / "examples.npy", pictures),
    }
    (folder / "heat_maps.json").write_text(maps.to_json(), encoding="utf-8")
    content = HeatContent(maps, rows, tuple(pictures))
    save(draw_heat_ratios(content, origin=origin), folder / "heat_in_roi.svg")
    save(draw_heat_check(content, origin=origin), folder / "randomisation_check.svg")
    if pictures:
        figure = draw_heat_examples(content, imaging=protocol.imaging, origin=origin)
        save(figure, folder / "examples.png")
    return written
