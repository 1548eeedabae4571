"""`armwise import` on a small hospital's folder: what is written, what is not read twice."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813

from components.cohort.dataset import Dataset, read_table
from components.errors import IntegrityError
from components.intake.importing import ImportRequest, import_cohort
from components.intake.mapping import read_mapping
from components.intake.pseudonyms import Pseudonyms
from components.study.vocabulary import Phase
from tests.faults.hospital import ball, write_hospital

KEY = "a key of the tests, long enough to be one"


@pytest.fixture
def hospital(tmp_path):
    return write_hospital(tmp_path / "export", n=4)


@pytest.fixture
def run(hospital, tmp_path):
    def imported(**changes):
        request = ImportRequest(
            source=hospital.root,
            mapping=read_mapping(hospital.mapping_path),
            data=tmp_path / "study" / "data",
            home=tmp_path / "study" / ".armwise",
            study_key=KEY,
        )
        return import_cohort(ImportRequest(**{**vars(request), **changes}))

    return imported


@pytest.fixture
def dataset(tmp_path):
    return Dataset(tmp_path / "study" / "data")


def name_of(hospital, place):
    return Pseudonyms(KEY).of(hospital.ids[place])


def test_the_folder_becomes_a_dataset_in_its_layout(run, dataset, hospital):
    result = run()
    assert result.n_usable_by_arm == {"hepatectomy": 2, "tace": 2}
    assert result.n_read == 4
    table = read_table(dataset.clinical_path).set_index("patient_id")
    assert sorted(table.index) == sorted(name_of(hospital, place) for place in range(4))
    assert table["days_ct_to_treatment"].tolist() == [11.0] * 4
    assert set(table["treatment_quarter"]) <= {"2019Q1", "2019Q2"}
    manifest = read_table(dataset.manifest_path).set_index("patient_id")
    patient = name_of(hospital, 1)
    assert manifest.loc[patient, "roi_voxels"] == ball().sum()
    assert manifest.loc[patient, "reader_dice"] == 1.0
    assert manifest.loc[patient, "spacing_z_mm"] == 5.0
    assert dataset.reader_roi_path(patient, 2).is_file()
    for phase, short in zip(Phase, ("art", "pv"), strict=True):
        ours = sitk.ReadImage(str(dataset.image_path(patient, phase)))
        theirs = sitk.ReadImage(str(hospital.volume_path(1, short)))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs))
        assert ours.GetOrigin() == pytest.approx(theirs.GetOrigin())


def test_the_same_folder_gives_the_same_bytes_and_is_read_once(run, dataset, tmp_path):
    run()
    before = {path: path.read_bytes() for path in dataset.root.rglob("*") if path.is_file()}
    again = run()
    assert again.n_read == 0
    assert again.n_known == 4
    assert again.changes == ()
    after = {path: path.read_bytes() for path in dataset.root.rglob("*") if path.is_file()}
    assert after == before
    other = tmp_path / "other" / "data"
    run(data=other, home=tmp_path / "other" / ".armwise")
    for path, content in before.items():
        assert (other / path.relative_to(dataset.root)).read_bytes() == content


def test_what_a_killed_import_has_done_is_not_done_again(run, dataset, hospital):
    run()
    shutil.rmtree(dataset.image_path(name_of(hospital, 2), Phase.ARTERIAL).parent)
    dataset.clinical_path.unlink()
    again = run()
    assert (again.n_read, again.n_known) == (1, 3)
    assert dataset.roi_path(name_of(hospital, 2)).is_file()


def test_a_corrected_roi_outlives_an_import_and_gives_way_to_a_new_one(run, dataset, hospital):
    run()
    path = dataset.roi_path(name_of(hospital, 0))
    path.write_bytes(b"corrected")
    run()
    assert path.read_bytes() == b"corrected"
    image = sitk.ReadImage(str(hospital.roi_path(0)))
    sitk.WriteImage(sitk.BinaryDilate(image), str(hospital.roi_path(0)))
    assert run().n_read == 1
    assert path.read_bytes() != b"corrected"


def test_newcomers_join_outcomes_are_refreshed_and_it_is_logged(run, dataset, hospital, tmp_path):
    run()
    later = write_hospital(tmp_path / "later", n=5)
    later.set_cell(0, "os", "999")
    later.set_cell(0, "status", "1")
    result = run(source=later.root)
    assert [(one.patient_id, one.what) for one in result.changes] == [
        (name_of(later, 4), "joined"),
        (name_of(later, 0), "outcome"),
    ]
    assert result.n_read == 1
    table = read_table(dataset.clinical_path).set_index("patient_id")
    assert table.loc[name_of(later, 0), ["os_days", "death"]].tolist() == [999.0, 1.0]
    lines = [json.loads(line) for line in dataset.changes_path.read_text().splitlines()]
    assert [line["import"] for line in lines] == [1] * 4 + [2] * 2


def test_two_patients_at_once_give_the_same_as_one_by_one(run, dataset, tmp_path):
    run()
    other = Dataset(tmp_path / "other" / "data")
    run(data=other.root, home=tmp_path / "other" / ".armwise", workers=2)
    assert other.manifest_path.read_bytes() == dataset.manifest_path.read_bytes()


def test_another_key_is_refused_before_anything_is_written(run, dataset):
    run()
    before = dataset.clinical_path.read_bytes()
    with pytest.raises(IntegrityError):
        run(study_key="another key, as long as the first one was")
    assert dataset.clinical_path.read_bytes() == before


def test_who_has_withdrawn_is_not_imported_again(run, dataset, hospital):
    gone = name_of(hospital, 3)
    result = run(is_withdrawn=lambda patient: patient == gone)
    assert gone not in set(read_table(dataset.clinical_path)["patient_id"])
    assert any("have withdrawn" in note for note in result.findings.notes)
    assert not dataset.roi_path(gone).exists()


def test_identities_stand_in_the_key_file_alone(run, dataset, hospital, tmp_path):
    run()
    texts = [path for path in (tmp_path / "study").rglob("*") if path.suffix in {".json", ".jsonl"}]
    assert texts
    for path in texts:
        content = path.read_text(encoding="utf-8")
        assert not any(one in content for one in (*hospital.ids, "Zhang", "2019-0"))
    table = pd.read_parquet(dataset.clinical_path).to_csv()
    assert not any(one in table for one in (*hospital.ids, "Zhang", "2019-0"))
    key = (tmp_path / "study" / ".armwise" / "import_key.csv").read_text(encoding="utf-8-sig")
    assert all(one in key for one in hospital.ids)


def test_a_file_that_fits_two_ids_is_given_to_neither(run, dataset, hospital):
    shorter = hospital.ids[0]
    hospital.set_cell(1, "MRN", f"{shorter}9")
    (hospital.root / "ct" / hospital.ids[1]).rename(hospital.root / "ct" / f"{shorter}9")
    for place in ("roi", "reader1", "reader2"):
        (hospital.root / place / f"{shorter}.seg.nrrd").unlink()
        folder = hospital.root / place
        (folder / f"{hospital.ids[1]}.seg.nrrd").rename(folder / f"{shorter}9.seg.nrrd")
    mapping = hospital.mapping()
    mapping["images"]["roi"] = {"path": "roi/{patient}*.seg.nrrd"}
    mapping["images"]["readers"] = {}
    hospital.write_mapping(mapping)
    result = run()
    both = {Pseudonyms(KEY).of(one) for one in (shorter, f"{shorter}9")}
    assert {one.patient_id for one in result.findings.quarantined} == both
    assert all("the same file" in one.reason for one in result.findings.quarantined)
    assert result.n_read == 2
