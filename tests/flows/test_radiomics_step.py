"""Step `radiomics`, asked directly: the table, the cache, who is left out, what is unstable."""

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813

from components.cohort.dataset import Dataset
from components.cohort.schema import PREDICTORS
from components.networks.records import ArmTarget, Configuration, SearchResult, TuningPlan
from components.networks.records import TrialResult as Trial
from components.platform.tracking import Tracking
from components.study.protocol import RadiomicsSection, StabilitySection, read_protocol
from components.study.results import ArtifactRef
from components.study.vocabulary import Phase, TreatmentArm
from flows import radiomics_chain
from flows.settings import PROTOCOLS
from flows.tasks import radiomics as step
from flows.tasks.baselines import fit_baselines, read_baselines
from flows.tasks.radiomics import (
    computed_radiomics,
    radiomics_features,
    read_radiomics,
    read_stability,
)
from flows.tasks.signature import no_signature
from tests.arms.conftest import draw_arm
from tests.imaging.conftest import Grid, ball

PER_ARM = 30
BAD = "h0003"


@pytest.fixture(scope="module")
def table():
    parts = [
        draw_arm(PER_ARM, seed=seed, prefix=arm.value[0]).assign(arm=arm.value)
        for seed, arm in enumerate(TreatmentArm)
    ]
    table = pd.concat(parts)
    number = np.arange(len(table))
    split = np.where(number % 5 == 0, "test", "train")
    return table.assign(
        split=split,
        fold=np.where(split == "train", number % 2, -1),
        tumor_location=np.where(number % 3 == 0, "left", "right"),
    ).drop(columns="dl_signature")


@pytest.fixture(scope="module")
def dataset(table, tmp_path_factory):
    """A ball of noise each: darker in who dies early; one of the patients has none in one phase."""
    root = tmp_path_factory.mktemp("radiomics") / "data"
    rng, grid = np.random.default_rng(1), Grid(low_mm=(-12,) * 3, high_mm=(12,) * 3)
    for patient in table.index:
        folder = root / "images" / patient
        folder.mkdir(parents=True)
        level = 20 * np.log(table.loc[patient, "os_days"])
        for phase in Phase:
            hu = grid.image(lambda x, y, z, m=level: m + rng.normal(0, 15, x.shape))
            sitk.WriteImage(hu, str(folder / f"{phase.value}.nii.gz"))
        roi = grid.image(ball((0, 0, 0), 6 + 2 * rng.random()), np.uint8)
        sitk.WriteImage(roi, str(folder / "roi.seg.nrrd"))
    (root / "images" / BAD / "portal_venous.nii.gz").unlink()
    manifest = pd.DataFrame({"patient_id": table.index})
    manifest["scanner"] = np.where(np.arange(len(table)) % 2, "A", "B")
    manifest.to_parquet(root / "manifest.parquet")
    return Dataset(root)


@pytest.fixture(scope="module")
def protocol():
    protocol = read_protocol(PROTOCOLS / "demo.yaml")
    section = RadiomicsSection(
        resampling_mm=3.0,
        bin_width_hu=20.0,
        hu_range=(-200.0, 400.0),
        families=("statistics",),
        minimum_voxels=5,
        stability=StabilitySection(
            patients=6,
            perturbations=2,
            minimum_icc=0.7,
            shift_mm=2.0,
            volume_change=0.3,
            contour_mm=2.0,
        ),
        harmonise_by="scanner",
    )
    signature = protocol.signature.model_copy(
        update={"cv_folds": 3, "cv_repeats": 1, "stability_resamples": None}
    )
    clinical = protocol.clinical.model_copy(update={"imputation": None, "ridge_penalties": (4.0,)})
    imaging = protocol.imaging.model_copy(update={"workers": 1})
    return protocol.model_copy(
        update={
            "radiomics": section,
            "signature": signature,
            "clinical": clinical,
            "imaging": imaging,
        }
    )


@pytest.fixture(scope="module")
def search(table, monkeypatch_module):
    """One backbone that says nothing, as the step `search` hands it on."""
    train = table[table["split"] == "train"]
    configuration = Configuration(
        backbone="resnet18",
        number=0,
        learning_rate=1e-3,
        weight_decay=0.0,
        dropout=0.0,
        label_smoothing=0.0,
    )
    scores = np.random.default_rng(3).random(len(train))
    trial = Trial(
        configuration=configuration,
        status="finished",
        epochs_done=1,
        history=(),
        seconds=1.0,
        oof_scores=tuple(scores),
        fold_networks=(),
    )
    found = SearchResult(
        trials=(trial,),
        patient_ids=tuple(train.index),
        fold_of=tuple(train["fold"]),
        total_epochs=1,
        tuning=TuningPlan(
            arms={arm: ArmTarget(estimator="auc_cd", horizon_days=1095) for arm in TreatmentArm},
            adaptations=(),
        ),
        device="cpu",
        mixed_precision=False,
        adaptations=(),
    )

    class Choice:
        rows = (trial,)

    monkeypatch_module.setattr(step, "read_search", lambda result: (found, Choice))
    return {}


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def ask(table, dataset, protocol, search, tmp_path_factory):
    folder = tmp_path_factory.mktemp("step")
    table.to_parquet(folder / "cohort.parquet")
    cohort = {"table": ArtifactRef.of(folder / "cohort.parquet").model_dump()}

    def ask(changed=protocol, *, cache=folder / "cache"):
        return radiomics_features.fn(
            "radiomics",
            "key",
            cohort=cohort,
            search=search,
            protocol=changed,
            dataset=dataset,
            file_md5s={
                str(path.relative_to(dataset.root)): str(path) for path in dataset.root.rglob("*.*")
            },
            cache=cache,
            folder=folder,
        )

    ask.cache = folder / "cache"
    ask.cohort = cohort
    return ask


@pytest.fixture(scope="module")
def result(ask):
    return ask()


def test_a_patient_without_features_is_named_and_leaves_this_baseline_alone(result, table):
    features = pd.read_parquet(result["table"]["path"])
    assert set(features.index) == set(table.index) - {BAD}
    (one,) = result["left_out"]
    assert one["patient_id"] == BAD
    said = {each["done"]: each["why"] for each in result["adaptations"]}
    why = said["1 patients have no part in the radiomics baseline"]
    assert why == f"{BAD}: portal_venous.nii.gz is missing"


def test_the_result_is_json_and_radiomics_stand_beside_the_backbone(result, table):
    assert json.loads(json.dumps(result)) == result
    # Who is withdrawn takes his files along: they are known by his name.
    assert set(result["files"]) == set(table.index) - {BAD}
    assert len(result["perturbed_files"]) == 6
    label = read_radiomics({"radiomics": result})
    n_train = int((table["split"] == "train").sum())
    assert label.n == n_train - 1
    assert label.pooled_auc.value > 0.65
    assert {one.backbone for one in label.differences} == {"resnet18"}
    assert all(one.estimate.n < n_train for one in label.differences)


def test_unstable_features_are_dropped(result):
    features = pd.read_parquet(result["table"]["path"])
    stability = read_stability({"radiomics": result})
    assert stability.n_patients == 6
    assert stability.unstable
    assert not set(stability.unstable) & set(features.columns)
    assert stability.icc["arterial_stat_mean"] > 0.9
    assert all(stability.icc[name] >= 0.7 for name in features.columns)


def test_features_are_computed_once_for_images_and_settings(ask, result, protocol):
    files = {path: path.stat().st_mtime_ns for path in ask.cache.rglob("*.json")}
    assert len(files) == 2 * PER_ARM - 1 + 6
    again = ask()
    assert again == result
    assert {path: path.stat().st_mtime_ns for path in ask.cache.rglob("*.json")} == files
    stricter = protocol.radiomics.model_copy(update={"harmonise_by": None})
    ask(protocol.model_copy(update={"radiomics": stricter}))
    assert {path: path.stat().st_mtime_ns for path in ask.cache.rglob("*.json")} == files


def test_processes_side_by_side_give_the_same(ask, result, protocol, tmp_path):
    imaging = protocol.imaging.model_copy(update={"workers": 2})
    found = ask(protocol.model_copy(update={"imaging": imaging}), cache=tmp_path)
    places = {"files", "perturbed_files"}
    assert {k: v for k, v in found.items() if k not in places} == {
        k: v for k, v in result.items() if k not in places
    }
    sha256 = lambda found: {name: one["sha256"] for name, one in found["files"].items()}  # noqa: E731
    assert sha256(found) == sha256(result)


def test_the_cox_baselines_are_fitted_on_the_computed_table(ask, result, protocol):
    given = computed_radiomics({"radiomics": result})
    fitted = fit_baselines.fn(
        "baselines",
        "key",
        cohort=ask.cohort,
        signature=no_signature(),
        protocol=protocol,
        codebook=PREDICTORS,
        radiomics=given,
    )
    found = read_baselines({"baselines": fitted})
    assert found.radiomics.source.startswith("MIRP ")
    assert found.radiomics.n == len(set(given["batches"])) - 1 - 12
    assert not [one for one in fitted["adaptations"] if one in given["adaptations"]]


def test_without_the_section_nothing_is_computed(ask, protocol):
    found = ask(protocol.model_copy(update={"radiomics": None}))
    assert found == {"label": None, "adaptations": [], "notes": []}
    assert read_radiomics({"radiomics": found}) is None
    assert computed_radiomics({"radiomics": found}) is None


def test_no_center_in_the_data_is_an_adaptation(ask, protocol):
    asked = protocol.radiomics.model_copy(update={"harmonise_by": "center"})
    found = ask(protocol.model_copy(update={"radiomics": asked}))
    assert "the data have no column center" in {one["why"] for one in found["adaptations"]}
    assert found["batches"] is None


def test_radiomics_are_a_finished_run_on_the_backbones_level(result, tmp_path, monkeypatch):
    tracking = Tracking(
        f"sqlite:///{tmp_path / 'mlflow.db'}", "hcc-demo", artifact_root=tmp_path / "artifacts"
    )
    study = tracking.study_run("k", name="study", tags={"armwise.level": "study"})
    results = {"cohort": {}, "search": {}}

    def known(name, task, **inputs):
        results[name] = result
        return result

    run = SimpleNamespace(
        results=results,
        run=known,
        run_id=study,
        tracking=tracking,
        plan=SimpleNamespace(keys={"radiomics": "abc"}),
        protocol=None,
        dataset=None,
        settings=SimpleNamespace(study_path=tmp_path),
        cache=lambda name: tmp_path / name,
        folder=lambda name: tmp_path / name,
    )
    monkeypatch.setattr(radiomics_chain, "file_md5s", lambda path: {})
    (one,) = radiomics_chain.radiomics_step(run)
    assert radiomics_chain.radiomics_step(run) == [one]
    found = tracking.client.get_run(one)
    label = read_radiomics(results)
    assert found.info.status == "FINISHED"
    assert found.data.tags["mlflow.parentRunId"] == study
    assert found.data.tags["armwise.level"] == "backbone"
    assert found.data.params["n_patients"] == str(label.n)
    assert found.data.metrics == pytest.approx(label.metrics())


def test_no_stable_feature_is_no_baseline(ask, protocol):
    strict = protocol.radiomics.stability.model_copy(update={"minimum_icc": 1 - 1e-12})
    asked = protocol.radiomics.model_copy(update={"stability": strict})
    found = ask(protocol.model_copy(update={"radiomics": asked}))
    assert found["notes"] == ["Radiomics: no feature is stable, defined and varies: no baseline."]
    assert computed_radiomics({"radiomics": found}) is None
