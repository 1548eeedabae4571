import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK

from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset, read_table
from components.cohort.schema import MANIFEST_COLUMNS, PREDICTORS
from components.errors import UsageError
from components.imaging.crop import crop_patient
from components.imaging.ct_files import read_ct
from components.imaging.quality import image_figures
from components.imaging.readers import read_roi
from components.intake.demo import write_demo
from components.intake.demo_clinical import make_cohort
from components.study.protocol import ImagingSection, SplitSection
from components.study.vocabulary import DataOrigin, Phase, TreatmentArm

SIZES = {TreatmentArm.HEPATECTOMY: 12, TreatmentArm.TACE: 8}
SPLIT = SplitSection(test_share=0.25)
SEED = 7


def written(root: Path, *, workers: int = 1, seed: int = SEED, on_progress=None) -> Dataset:
    write_demo(
        root, seed=seed, n_by_arm=SIZES, split=SPLIT, workers=workers, on_progress=on_progress
    )
    return Dataset(root)


def digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Dataset:
    return written(tmp_path_factory.mktemp("demo") / "data")


def patients_of(dataset: Dataset) -> list[str]:
    return list(read_table(dataset.clinical_path)["patient_id"])


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(dataset, tmp_path):
    seen = []
    two = written(tmp_path / "two", workers=2, on_progress=lambda *done: seen.append(done))
    assert digests(two.root) == digests(dataset.root)
    assert seen == [(done, 20) for done in range(1, 21)]


def test_another_seed_gives_other_bytes(dataset, tmp_path):
    other = written(tmp_path / "other", seed=SEED + 1)
    ours, theirs = digests(dataset.root), digests(other.root)
    assert ours.keys() == theirs.keys()
    assert not [name for name in ours if ours[name] == theirs[name] and "images" in name]


def test_the_card_says_that_it_is_synthetic(dataset):
    card = dataset.card()
    assert card.origin is DataOrigin.SYNTHETIC
    assert card.seed == SEED
    assert card.arms == tuple(SIZES)
    assert card.units["tumor_diameter_cm"] == "cm"


def test_the_clinical_table_reads_back(dataset):
    table = read_clinical(dataset, predictors=tuple(PREDICTORS))
    drawn = make_cohort(seed=SEED, n_by_arm=SIZES).clinical
    assert list(table.index) == list(drawn.index)
    for name in ("arm", "os_days", "death", *PREDICTORS):
        assert list(table[name]) == list(drawn[name]), name


def test_nothing_hidden_is_written(dataset):
    drawn = make_cohort(seed=SEED, n_by_arm=SIZES)
    hidden = np.column_stack([drawn.latent_aggressiveness, drawn.signs])
    for path in (dataset.clinical_path, dataset.manifest_path):
        numbers = pd.read_parquet(path).select_dtypes("number")
        varying = numbers.loc[:, numbers.nunique() > 1]
        assert len(varying.columns) > 5
        for name in varying:
            for column in hidden.T:
                assert abs(np.corrcoef(varying[name].rank(), column)[0, 1]) < 0.97, name


def test_the_split_is_by_arm(dataset):
    split = read_table(dataset.split_path)
    assert list(split.columns) == ["patient_id", "split"]
    assert list(split["patient_id"]) == patients_of(dataset)
    assert (split["split"] == "test").sum() == 5


def test_the_manifest_says_what_is_in_the_files(dataset):
    manifest = read_table(dataset.manifest_path)
    assert tuple(manifest.columns) == MANIFEST_COLUMNS
    assert list(manifest["patient_id"]) == patients_of(dataset)
    for row in manifest.iloc[:4].to_dict("records"):
        patient = row["patient_id"]
        volumes = [
            read_ct(dataset.image_path(patient, phase), pseudonym=patient, role="a phase")[0]
            for phase in Phase
        ]
        roi = read_roi(dataset.roi_path(patient), patient_id=patient)
        found = image_figures(patient, *volumes, [roi]).model_dump()
        for name in set(found) & set(row) - {"scanner", "days_ct_to_treatment"}:
            assert row[name] == pytest.approx(found[name], abs=1e-3), name


def test_roi_and_volumes_share_one_geometry(dataset):
    for patient in patients_of(dataset):
        roi = SimpleITK.ReadImage(str(dataset.roi_path(patient)))
        for phase in Phase:
            volume = SimpleITK.ReadImage(str(dataset.image_path(patient, phase)))
            assert volume.GetPixelID() == SimpleITK.sitkInt16
            assert volume.GetSize() == roi.GetSize()
            assert volume.GetSpacing() == roi.GetSpacing()
            assert volume.GetOrigin() == roi.GetOrigin()
            assert volume.GetDirection() == roi.GetDirection()


def test_the_roi_is_a_segmentation_of_3d_slicer(dataset):
    for patient in patients_of(dataset):
        roi = SimpleITK.ReadImage(str(dataset.roi_path(patient)))
        array = SimpleITK.GetArrayFromImage(roi)
        assert roi.GetMetaData("Segment0_ID") == "Segment_1"
        assert roi.GetMetaData("Segment0_Name") == "HCC"
        assert roi.GetMetaData("Segment0_LabelValue") == "1"
        assert roi.GetMetaData("Segment0_Layer") == "0"
        assert "TerminologyEntry:" in roi.GetMetaData("Segment0_Tags")
        assert roi.GetMetaData("Segmentation_SourceRepresentation") == "Binary labelmap"
        z, y, x = np.nonzero(array)
        extent = [int(edge) for edge in roi.GetMetaData("Segment0_Extent").split()]
        assert extent == [x.min(), x.max(), y.min(), y.max(), z.min(), z.max()]
        assert set(np.unique(array)) == {0, 1}


def test_every_patient_can_be_cropped(dataset):
    section = ImagingSection(
        crop_px=32,
        margin_mm=10,
        window_center_hu=80,
        window_width_hu=300,
        difference_window_hu=120,
        workers=1,
    )
    for patient in patients_of(dataset):
        crop = crop_patient(
            patient,
            dataset.image_path(patient, Phase.ARTERIAL),
            dataset.image_path(patient, Phase.PORTAL_VENOUS),
            dataset.roi_path(patient),
            section,
        )
        assert crop.shape == (3, 32, 32)
        assert np.isfinite(crop).all()


def test_gzip_headers_hold_no_time(dataset):
    for path in dataset.root.rglob("*.nii.gz"):
        assert path.read_bytes()[4:8] == bytes(4)


def test_files_that_are_there_are_not_overwritten(dataset):
    before = digests(dataset.root)
    with pytest.raises(UsageError, match="expected no files"):
        written(dataset.root)
    assert digests(dataset.root) == before


def test_what_an_interrupted_attempt_left_is_cleared_away(dataset, tmp_path):
    class Interruption(Exception):
        pass

    def interrupt(done, total):
        if done == 3:
            raise Interruption

    with pytest.raises(Interruption):
        written(tmp_path / "data", on_progress=interrupt)
    assert not (tmp_path / "data").exists()
    again = written(tmp_path / "data")
    assert digests(again.root) == digests(dataset.root)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
