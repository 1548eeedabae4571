from components.study.results import ArtifactRef
from flows.record import RunRecord, read_record, write_record
from flows.steps import absent_files


def test_a_record_round_trips_and_knows_what_vanished(tmp_path):
    kept = tmp_path / "report.html"
    kept.write_text("found")
    record = RunRecord(
        key="k", data_md5="m", protocol_hash="p", run_id="r",
        files=(ArtifactRef.of(kept),), versions={"a": "1"}, facts={"summary": "s"},
    )  # fmt: skip
    write_record(tmp_path, record)
    assert read_record(tmp_path, "k") == record
    assert read_record(tmp_path, "other") is None
    assert record.missing_files() == []
    kept.write_text("changed in length")
    assert record.missing_files() == [str(kept)]


def test_files_are_found_however_deep_they_are_referred_to(tmp_path):
    kept = tmp_path / "a.npy"
    kept.write_bytes(b"1")
    reference = ArtifactRef.of(kept).model_dump()
    result = {"crops": {"P1": reference}, "list": [{"deep": reference}], "path": "no file"}
    assert absent_files(result) == []
    kept.unlink()
    assert absent_files(result) == [str(kept)] * 2
