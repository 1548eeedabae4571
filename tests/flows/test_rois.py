"""`armwise rois`: the round trip as it is typed, and whom the last validation set aside."""

import json
import os

import pytest

from components.errors import UsageError
from components.imaging.segmentation import write_segments
from components.study.results import Quarantined
from flows.cli.rois import _reasons
from flows.last_quarantine import last_quarantined
from flows.settings import Settings
from tests.flows.conftest import armwise
from tests.intake.test_worklist import lesion, small_dataset


@pytest.fixture
def results(tmp_path):
    """Writes what a step left behind, as Prefect keeps it."""

    def write(step, key, quarantined, *, age_s=0):
        folder = tmp_path / "results"
        folder.mkdir(exist_ok=True)
        path = folder / f"armwise-{step}-{key}"
        path.write_text(json.dumps({"result": json.dumps({"quarantined": quarantined})}))
        when = path.stat().st_mtime - age_s
        os.utime(path, (when, when))
        return path

    return write


def entry(patient_id, reason="the ROI is empty"):
    return {"patient_id": patient_id, "reason": reason, "found_by": "crops"}


def test_the_newest_of_each_step_counts(tmp_path, results):
    results("validation", "old", [entry("P09")], age_s=50)
    results("validation", "new", [entry("P01", "age 150 years")])
    results("crops", "any", [entry("P02")])
    results("cohort", "any", [entry("P08")])

    assert last_quarantined(tmp_path) == (
        Quarantined(patient_id="P01", reason="age 150 years", found_by="crops"),
        Quarantined(patient_id="P02", reason="the ROI is empty", found_by="crops"),
    )


def test_no_result_and_a_cut_off_one_say_nothing(tmp_path, results):
    assert last_quarantined(tmp_path) == ()
    results("crops", "any", []).write_text('{"result": "{\\"quara')
    assert last_quarantined(tmp_path) == ()


def test_rois_go_out_and_come_back(tmp_path):
    dataset = small_dataset(tmp_path / "data")

    out = armwise("rois", "out", "todo", study=tmp_path)
    write_segments(tmp_path / "todo" / "P02" / "roi.seg.nrrd", [lesion(radius=8)])
    back = armwise("rois", "in", "todo", study=tmp_path)

    assert (out.returncode, back.returncode) == (0, 0), out.stderr + back.stderr
    assert "1 patients in todo/worklist.csv" in out.stdout  # readers of P02 alone disagree
    assert "armwise rois in todo" in out.stdout
    assert "taken over" in back.stdout
    assert "1 of 1 ROIs taken over" in back.stdout
    assert '"roi"' in dataset.changes_path.read_text()


def test_who_goes_out(tmp_path, results):
    dataset = small_dataset(tmp_path / "data")
    settings = Settings(study_dir=tmp_path, home=tmp_path)
    results("crops", "any", [entry("P03")])

    named = _reasons(dataset, settings, ["P01,P03", " P02"])
    needy = _reasons(dataset, settings, None)
    for reader in (1, 2):
        dataset.reader_roi_path("P02", reader).unlink()
    (tmp_path / "results" / "armwise-crops-any").unlink()
    everybody = _reasons(dataset, settings, None)

    assert named == {"P01": "named", "P03": "named", "P02": "named"}
    assert set(needy) == {"P02", "P03"}
    assert set(everybody) == {"P01", "P02", "P03"}
    with pytest.raises(UsageError, match="came also P77"):
        _reasons(dataset, settings, ["P01", "P77"])
