"""Files that a kill cut off."""

from components.study.lines import add_line
from flows.readings import note_reading, readings_of
from flows.step_journal import StepEntry, done_steps, note_step

READING = {"run_id": "r", "data_md5": "d", "protocol_hash": "p", "purpose": "a decision"}


def test_a_line_that_was_cut_off_is_no_entry_and_spoils_none(tmp_path):
    note_step(tmp_path, run_id="r", step="crops", key="k", known=False, seconds=1.0)
    path = tmp_path / "steps.jsonl"
    path.write_bytes(path.read_bytes() + b'{"when": "2026-01-0')
    note_step(tmp_path, run_id="r", step="cohort", key="k", known=True, seconds=0.0)
    assert [(e.step, e.outcome) for e in done_steps(tmp_path)] == [
        ("crops", "computed"),
        ("cohort", "known"),
    ]


def test_a_line_is_whole_json(tmp_path):
    entry = StepEntry(
        when="now", run_id="r", step="s", key="k", outcome="known", seconds=0.0, pid=1
    )
    add_line(tmp_path / "lines.jsonl", entry)
    assert StepEntry.from_json((tmp_path / "lines.jsonl").read_bytes()) == entry


def test_a_run_that_goes_on_reads_the_test_patients_once(tmp_path):
    for run_id in ("first", "first", "second"):
        note_reading(tmp_path, **{**READING, "run_id": run_id})
    note_reading(tmp_path, **{**READING, "run_id": "first", "purpose": "features"})
    assert [(one.run_id, one.purpose) for one in readings_of(tmp_path, "d")] == [
        ("first", "a decision"),
        ("second", "a decision"),
        ("first", "features"),
    ]
