"""Step `radiomics`: hand-crafted features of the ROI, as a run beside the backbones."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.arms.radiomics_label import radiomics_label
from components.arms.radiomics_records import FeatureStability, RadiomicsLabel
from components.cohort.dataset import Dataset
from components.errors import FitFailed
from components.study.protocol import Protocol, RadiomicsSection
from components.study.randomness import step_seed
from components.study.results import Adaptation, ArtifactRef, Quarantined
from components.study.vocabulary import Split
from components.survival.reliability import icc_one_way
from flows.search_result import read_search
from flows.steps import Result, step_task
from flows.tasks.cohort import read_cohort
from flows.tasks.radiomics_features import RadiomicsCache
from flows.terminal import StepProgress, current_display

_NOT_ASKED = "none asked for (radiomics)"


@step_task
def radiomics_features(
    step: str,
    key: str,
    *,
    cohort: Result,
    search: Result,
    protocol: Protocol,
    dataset: Dataset,
    file_md5s: Mapping[str, str],
    cache: Path,
    folder: Path,
) -> Result:
    """The table of features, which of them are stable, and what they say of the label.

    A patient whose features cannot be computed is named and has no part in this baseline alone.

    Args:
        step: Name of the step.
        key: Its key.
        cohort: Result of step `cohort`.
        search: Result of step `search`, whose backbones radiomics stand beside.
        protocol: The science; none of it is done where its section `radiomics` is null.
        dataset: The dataset.
        file_md5s: Of the data version, by path.
        cache: Where each patient's features are kept by content.
        folder: Where the table goes.
    """
    del step, key
    with current_display().step("Hand-crafted radiomics") as progress:
        section = protocol.radiomics
        if section is None:
            progress.note = _NOT_ASKED
            return {"label": None, "adaptations": [], "notes": []}
        table = read_cohort(cohort)
        store = RadiomicsCache(dataset, file_md5s, cache, section, protocol.imaging.workers)
        features, left_out = _drawn(store, list(table.index), progress)
        said = [_left_out(left_out)] if left_out else []
        notes: list[str] = []
        of_training = table.index[table["split"] == Split.TRAIN.value]
        if not features.index.isin(of_training).any():
            notes.append("Radiomics: no training patient's features could be computed.")
            return {"label": None, "adaptations": _dumped(said), "notes": notes}
        features, without = _usable(features, table)
        notes += [f"Radiomics: {without}."] if without else []
        chosen = _chosen(features, table, protocol)
        stability = _stability(store, features, chosen, protocol.study.seed, progress)
        if stability is not None:
            features = features.drop(columns=list(stability.unstable))
        if features.shape[1] == 0:
            notes.append("Radiomics: no feature is stable, defined and varies: no baseline.")
            return {"label": None, "adaptations": _dumped(said), "notes": notes}
        batches, missing = _batches(section, dataset, table)
        said += [missing] if missing else []
        label, why_not = _label(features, table, batches, search, protocol, by=section.harmonise_by)
        notes += [f"Radiomics: not compared with the backbones: {why_not}."] if why_not else []
        said += list(label.adaptations) if label else []
        progress.note = f"{len(features)} patients, {features.shape[1]} features"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "radiomics.parquet"
        features.to_parquet(path)
    return {
        "table": ArtifactRef.of(path).model_dump(),
        "source": f"MIRP {version('mirp')}, settings {store.settings_hash()}",
        "batches": None if batches is None else batches.to_dict(),
        "files": {name: one.model_dump() for name, one in store.files(list(table.index)).items()},
        "perturbed_files": {
            name: one.model_dump()
            for name, one in store.files(chosen, section.stability, protocol.study.seed).items()
        },
        "left_out": [one.model_dump() for one in left_out],
        "stability": None if stability is None else stability.model_dump(mode="json"),
        "label": None if label is None else label.model_dump(mode="json", by_alias=True),
        "notes": notes,
        "adaptations": _dumped(said),
    }


def read_radiomics(results: Mapping[str, Result]) -> RadiomicsLabel | None:
    """What the features say of the label, among a run's results; None where that is not known."""
    found = results.get("radiomics", {}).get("label")
    return None if found is None else RadiomicsLabel.model_validate(found)


def read_stability(results: Mapping[str, Result]) -> FeatureStability | None:
    """Which features are stable, among a run's results; None where that was not asked."""
    found = results.get("radiomics", {}).get("stability")
    return None if found is None else FeatureStability.model_validate(found)


def computed_radiomics(results: Mapping[str, Result]) -> dict[str, Any] | None:
    """The computed features among a run's results, as step `baselines` takes them."""
    found = results.get("radiomics", {})
    if "table" not in found:
        return None
    return {name: found[name] for name in ("table", "source", "batches", "adaptations")}


def _drawn(
    store: RadiomicsCache, patients: Sequence[str], progress: StepProgress
) -> tuple[pd.DataFrame, list[Quarantined]]:
    """The features by patient, and who has none."""
    answers = store.drawn(
        patients, on_done=lambda done: progress.update(done, len(patients), "patients")
    )
    left_out = [one for one in answers.values() if isinstance(one, Quarantined)]
    known = {name: one[0] for name, one in answers.items() if not isinstance(one, Quarantined)}
    features = pd.DataFrame.from_dict(known, orient="index", dtype=np.float64)
    return features.rename_axis("patient_id"), left_out


def _usable(features: pd.DataFrame, table: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """The features that are defined in everybody and vary, and a sentence on the others."""
    train = features.index.isin(table.index[table["split"] == Split.TRAIN.value])
    undefined = [str(name) for name in features if not np.isfinite(features[name]).all()]
    rest = features.drop(columns=undefined)
    constant = [str(name) for name in rest if np.ptp(rest.loc[train, name]) == 0]
    said = [
        f"{len(names)} features are {what} and were left out ({', '.join(names)})"
        for names, what in (
            (undefined, "undefined in some patient's ROI"),
            (constant, "the same in all training patients"),
        )
        if names
    ]
    return rest.drop(columns=constant), "; ".join(said)


def _chosen(features: pd.DataFrame, table: pd.DataFrame, protocol: Protocol) -> list[str]:
    """The training patients whose ROI is perturbed, drawn by the study's seed."""
    if protocol.radiomics is None or protocol.radiomics.stability is None:
        return []
    of_training = table.index[table["split"] == Split.TRAIN.value]
    train = sorted(features.index[features.index.isin(of_training)])
    rng = np.random.default_rng(step_seed(protocol.study.seed, "radiomics stability patients"))
    drawn = rng.permutation(len(train))[: protocol.radiomics.stability.patients]
    return [train[n] for n in np.sort(drawn)]


def _stability(
    store: RadiomicsCache,
    features: pd.DataFrame,
    chosen: Sequence[str],
    seed: int,
    progress: StepProgress,
) -> FeatureStability | None:
    """ICC of each feature over perturbed ROIs of the chosen training patients."""
    section = store.section.stability
    if section is None:
        return None
    answers = store.perturbed(
        chosen,
        section,
        seed,
        on_done=lambda done: progress.update(done, len(chosen), "patients, ROI perturbed"),
    )
    known = [one for one in answers.values() if not isinstance(one, Quarantined)]
    if len(known) < 2:
        return None
    values = np.stack(
        [pd.DataFrame(one)[list(features.columns)].to_numpy(dtype=np.float64) for one in known]
    )
    icc = icc_one_way(values)
    return FeatureStability(
        n_patients=len(known),
        perturbations=section.perturbations,
        minimum_icc=section.minimum_icc,
        icc={
            str(name): float(one) if np.isfinite(one) else None
            for name, one in zip(features.columns, icc, strict=True)
        },
        unstable=tuple(
            str(name)
            for name, one in zip(features.columns, icc, strict=True)
            if not one >= section.minimum_icc
        ),
    )


def _batches(
    section: RadiomicsSection, dataset: Dataset, table: pd.DataFrame
) -> tuple[pd.Series | None, Adaptation | None]:
    """Scanner or center by patient; None where features stay as they are, and why."""
    by = section.harmonise_by
    if by is None:
        return None, None
    if by == "center":
        found = table.get("center")
    else:
        manifest = pd.read_parquet(dataset.manifest_path).set_index("patient_id")
        found = manifest.get("scanner")
    if found is None:
        return None, Adaptation(
            step="radiomics",
            asked=f"features harmonised by {by} (radiomics.harmonise_by)",
            done="features left as they are",
            why=f"the data have no column {by}",
        )
    known = found.reindex(table.index).astype("string").fillna("not known")
    return known.astype(object).rename("batch"), None


def _label(
    features: pd.DataFrame,
    table: pd.DataFrame,
    batches: pd.Series | None,
    search: Result,
    protocol: Protocol,
    *,
    by: str | None,
) -> tuple[RadiomicsLabel | None, str | None]:
    """The regression of the label beside the backbones, or why there is none."""
    found, choice = read_search(search)
    networks = {
        trial.configuration.backbone: pd.Series(
            trial.oof_scores, index=list(found.patient_ids), dtype=np.float64
        )
        for trial in found.trials
        if trial.configuration in [row.configuration for row in choice.rows]
    }
    try:
        label = radiomics_label(
            features,
            table[table["split"] == Split.TRAIN.value],
            batches=batches,
            by=by,
            networks=networks,
            tuning=found.tuning,
            label=protocol.label,
            evaluation=protocol.evaluation,
            seed=protocol.study.seed,
        )
    except FitFailed as error:
        return None, str(error)
    return label, None


def _left_out(patients: Sequence[Quarantined]) -> Adaptation:
    return Adaptation(
        step="radiomics",
        asked="hand-crafted features of every patient",
        done=f"{len(patients)} patients have no part in the radiomics baseline",
        why="; ".join(f"{one.patient_id}: {one.reason}" for one in patients),
    )


def _dumped(adaptations: Sequence[Adaptation]) -> list[dict[str, Any]]:
    return [one.model_dump() for one in adaptations]
