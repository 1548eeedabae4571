"""ROIs go out to be corrected and come back: what is taken over, what is not, all of it told."""

import csv
import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses

from components.cohort.dataset import Dataset, write_table
from components.errors import CohortRejected, UsageError
from components.imaging.ct_files import read_ct
from components.imaging.quality import image_figures
from components.imaging.segmentation import Segment, read_segments, write_segments
from components.imaging.volume import Geometry, Volume
from components.intake.worklist import (
    WORKLIST,
    needing_correction,
    patients_with_images,
    send_out,
    take_back,
)
from components.study.results import Quarantined
from components.study.vocabulary import Phase
from tests.imaging.segmentation_files import ball_on, image

GRID = Geometry((36, 34, 14), np.array([1.0, 1.0, 2.0]), np.array([-10.0, 5.0, 40.0]), np.eye(3))
MIDDLE = GRID.to_physical((np.array([GRID.size]) - 1) / 2)[0]


def lesion(offset=(0, 0, 0), radius=6, grid=GRID):
    return Segment("x", Volume(ball_on(grid, MIDDLE + np.array(offset), radius), grid))


def small_dataset(root):
    """Three patients; the readers of the second disagree."""
    data = Dataset(root)
    rows = []
    for number, patient_id in enumerate(("P01", "P02", "P03")):
        data.roi_path(patient_id).parent.mkdir(parents=True)
        for phase in Phase:
            hu = np.full(
                GRID.size[::-1], 60 + 10 * number + 40 * (phase == Phase.ARTERIAL), np.int16
            )
            sitk.WriteImage(image(hu, GRID), str(data.image_path(patient_id, phase)))
        write_segments(data.roi_path(patient_id), [lesion()])
        n = int(lesion().mask.voxels.sum())
        rows.append(
            {
                "patient_id": patient_id,
                "scanner": "Maker",
                "roi_volume_ml": round(n * 0.002, 3),
                "roi_voxels": n,
                "arterial_mean_hu_in_roi": 100.0 + 10 * number,
                "portal_venous_mean_hu_in_roi": 60.0 + 10 * number,
            }
        )
    write_segments(data.reader_roi_path("P02", 1), [lesion()])
    write_segments(data.reader_roi_path("P02", 2), [lesion((6, 0, 0))])
    write_segments(data.reader_roi_path("P01", 1), [lesion()])
    write_segments(data.reader_roi_path("P01", 2), [lesion((1, 0, 0))])
    write_table(pd.DataFrame(rows), data.manifest_path)
    return data


@pytest.fixture
def dataset(tmp_path):
    return small_dataset(tmp_path / "data")


@pytest.fixture
def folder(dataset, tmp_path):
    send_out(dataset, tmp_path / "todo", dict.fromkeys(("P01", "P02", "P03"), "named"))
    return tmp_path / "todo"


def content(root: Path):
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def outcomes(returns):
    return {one.patient_id: one.outcome for one in returns}


def test_who_needs_correction_and_why(dataset):
    aside = [
        Quarantined(patient_id="P03", reason="only 40% of the ROI lies inside", found_by="crops"),
        Quarantined(patient_id="P01", reason="os_days is negative", found_by="clinical table"),
    ]

    reasons = needing_correction(dataset, aside)

    assert set(reasons) == {"P02", "P03"}
    assert reasons["P03"] == "only 40% of the ROI lies inside"
    assert "readers 1 and 2: Dice" in reasons["P02"]


def test_a_readers_damaged_file_is_a_reason_too(dataset):
    dataset.reader_roi_path("P01", 2).write_bytes(b"nothing")

    assert "the ROI of reader 2" in needing_correction(dataset, [])["P01"]


def test_plain_files_and_a_list_go_out(dataset, tmp_path):
    sent = send_out(dataset, tmp_path / "todo", {"P02": "readers disagree", "P99": "named"})

    assert sent == ("P02",)
    assert {path.name for path in (tmp_path / "todo" / "P02").iterdir()} == {
        "arterial.nii.gz",
        "portal_venous.nii.gz",
        "roi.seg.nrrd",
        "roi_reader1.seg.nrrd",
        "roi_reader2.seg.nrrd",
    }
    with (tmp_path / "todo" / WORKLIST).open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == [
            {"patient_id": "P02", "reason": "readers disagree", "done": ""}
        ]
    assert (tmp_path / "todo").stat().st_mode & 0o077 == 0


def test_saving_over_what_went_out_touches_no_data(dataset, folder):
    before = content(dataset.root)
    for path in (folder / "P01").iterdir():
        with path.open("r+b") as file:  # as ITK writes: into the file that is there
            file.write(b"overwritten")

    assert content(dataset.root) == before


def test_nobodys_work_is_overwritten_and_nothing_goes_into_the_data(dataset, folder):
    with pytest.raises(UsageError, match="expected no files"):
        send_out(dataset, folder, {"P01": "named"})
    with pytest.raises(UsageError, match="name a folder outside it"):
        send_out(dataset, dataset.root / "images" / "todo", {"P01": "named"})


def test_an_untouched_worklist_changes_nothing(dataset, folder):
    before = content(dataset.root)

    returns = take_back(dataset, folder)

    assert set(outcomes(returns).values()) == {"unchanged"}
    assert content(dataset.root) == before


def test_a_corrected_roi_is_taken_over_with_its_figures(dataset, folder):
    bigger, second = lesion(radius=8), lesion((10, 8, -6), 4)
    write_segments(folder / "P01" / "roi.seg.nrrd", [second, bigger])

    one, two, three = take_back(dataset, folder)

    assert (one.outcome, one.n_lesions) == ("taken over", 2)
    assert (two.outcome, three.outcome) == ("unchanged", "unchanged")
    assert one.volume_before_ml == pytest.approx(lesion().mask.voxels.sum() * 0.002)
    assert one.volume_after_ml == pytest.approx(
        (bigger.mask.voxels.sum() + second.mask.voxels.sum()) * 0.002
    )
    overlap = lesion().mask.voxels.sum()
    total = overlap + bigger.mask.voxels.sum() + second.mask.voxels.sum()
    assert one.dice == pytest.approx(2 * overlap / total)
    first, other = read_segments(dataset.roi_path("P01"), pseudonym="P01", role="the ROI")
    assert (first.name, other.name) == ("lesion_1", "lesion_2")
    assert np.array_equal(first.mask.voxels, bigger.mask.voxels)
    manifest = pd.read_parquet(dataset.manifest_path).set_index("patient_id")
    voxels = {int(s.mask.voxels.sum()) for s in (bigger,)} | {
        int(bigger.mask.voxels.sum() + second.mask.voxels.sum())
    }
    assert int(manifest.loc["P01", "roi_voxels"]) in voxels
    assert manifest.loc["P01", "roi_volume_ml"] == pytest.approx(
        manifest.loc["P01", "roi_voxels"] * 0.002
    )
    assert manifest.loc["P01", "arterial_mean_hu_in_roi"] == 100
    assert manifest.loc["P02", "roi_voxels"] == lesion().mask.voxels.sum()
    assert manifest.loc["P01", "scanner"] == "Maker"
    (change,) = map(json.loads, dataset.changes_path.read_text().splitlines())
    assert (change["patient_id"], change["what"]) == ("P01", "roi")
    assert outcomes(take_back(dataset, folder))["P01"] == "unchanged"
    assert len(dataset.changes_path.read_text().splitlines()) == 1


def test_slicer_may_save_a_part_of_the_grid(dataset, folder):
    """3D Slicer cuts a segmentation to what is marked: the same voxels are no change."""
    part = GRID.part(np.array([8, 8, 2]), np.array([30, 30, 13]))
    cut = Segment("HCC", Volume(lesion().mask.voxels[2:13, 8:30, 8:30], part))
    write_segments(folder / "P01" / "roi.seg.nrrd", [cut])

    assert outcomes(take_back(dataset, folder))["P01"] == "unchanged"


@pytest.mark.parametrize(
    ("spoil", "phrase"),
    [
        (lambda path: path.unlink(), "the corrected ROI is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), "the corrected ROI"),
        (lambda path: sitk.WriteImage(image(np.zeros((3, 4, 5), np.uint8), GRID), path), "empty"),
        (
            lambda path: write_segments(path, [lesion(), outside()]),
            "only 0% of the ROI lies inside",
        ),
    ],
)
def test_a_bad_roi_leaves_its_patient_untouched_and_the_others_go_on(
    dataset, folder, spoil, phrase
):
    before = content(dataset.root)
    spoil(folder / "P02" / "roi.seg.nrrd")
    write_segments(folder / "P03" / "roi.seg.nrrd", [lesion(radius=7)])

    returns = {one.patient_id: one for one in take_back(dataset, folder)}

    assert returns["P02"].outcome == "refused"
    assert phrase in returns["P02"].reason
    assert returns["P03"].outcome == "taken over"
    after = content(dataset.root)
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"images/P03/roi.seg.nrrd", "manifest.parquet", "changes.jsonl"}


def outside():
    grid = Geometry(GRID.size, GRID.spacing_mm, GRID.origin_mm + 300, np.eye(3))
    return Segment("x", Volume(ball_on(grid, MIDDLE + 300, 3), grid))


def test_who_is_held_back_or_unknown_is_left_alone(dataset, folder):
    for patient_id in ("P01", "P02"):
        write_segments(folder / patient_id / "roi.seg.nrrd", [lesion(radius=7)])
    rows = [
        ["patient_id", "reason", "done"],
        ["P01", "", "No"],
        ["P02", "", "yes"],
        ["../P03", "", ""],
    ]
    with (folder / WORKLIST).open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows(rows)

    returns = {one.patient_id: one for one in take_back(dataset, folder)}

    assert outcomes(returns.values()) == {
        "P01": "held back",
        "P02": "taken over",
        "../P03": "refused",
    }
    assert "has no images in the dataset" in returns["../P03"].reason


def test_a_run_that_was_killed_before_the_manifest_is_finished_by_the_next(dataset, folder):
    corrected = lesion(radius=8)
    write_segments(folder / "P01" / "roi.seg.nrrd", [corrected])
    write_segments(dataset.roi_path("P01"), [corrected])  # as far as the killed one came

    returns = take_back(dataset, folder)

    assert outcomes(returns)["P01"] == "taken over"
    manifest = pd.read_parquet(dataset.manifest_path).set_index("patient_id")
    assert manifest.loc["P01", "roi_voxels"] == corrected.mask.voxels.sum()
    assert len(dataset.changes_path.read_text().splitlines()) == 1


def test_a_folder_that_is_no_worklist_is_refused(dataset, tmp_path, folder):
    with pytest.raises(UsageError, match="armwise rois out"):
        take_back(dataset, tmp_path)
    (folder / WORKLIST).write_text("patient_id;reason;done\nP01;;\n", encoding="utf-8")
    with pytest.raises(CohortRejected, match="save it with commas"):
        take_back(dataset, folder)
    (folder / WORKLIST).write_bytes("patient_id,reason\nP01,肝\n".encode("gb18030"))
    with pytest.raises(CohortRejected, match="UTF-8"):
        take_back(dataset, folder)


def test_everybody_with_a_volume_is_listed(dataset):
    (dataset.root / "images" / "P00").mkdir()
    dataset.image_path("P03", Phase.PORTAL_VENOUS).unlink()

    assert patients_with_images(dataset) == ("P01", "P02", "P03")


def test_a_patient_of_one_phase_and_every_column_of_the_manifest(dataset, folder):
    dataset.image_path("P03", Phase.PORTAL_VENOUS).unlink()
    rows = []
    for patient_id in ("P01", "P02", "P03"):
        arterial, portal = (_ct(dataset, patient_id, phase) for phase in Phase)
        figures = image_figures(patient_id, arterial, portal, [lesion().mask])
        rows.append({**figures.model_dump(), "scanner": "Maker"})
    write_table(pd.DataFrame(rows), dataset.manifest_path)
    before = pd.read_parquet(dataset.manifest_path)
    write_segments(folder / "P03" / "roi.seg.nrrd", [lesion(radius=8), lesion((10, 8, -6), 4)])

    returns = take_back(dataset, folder)

    after = pd.read_parquet(dataset.manifest_path)
    assert outcomes(returns)["P03"] == "taken over"
    assert after.dtypes.equals(before.dtypes)
    assert after.iloc[:2].equals(before.iloc[:2])
    last = after.iloc[2]
    assert (last["n_lesions"], last["scanner"]) == (2, "Maker")
    assert np.isnan(last["portal_venous_mean_hu_in_roi"])
    assert last["roi_total_volume_ml"] > last["roi_volume_ml"] > before.iloc[2]["roi_volume_ml"]


def _ct(dataset, patient_id, phase):
    path = dataset.image_path(patient_id, phase)
    return read_ct(path, pseudonym=patient_id, role="the CT")[0] if path.is_file() else None
