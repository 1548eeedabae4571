"""What the gate answered, as all who show it get it."""

from components.cohort.gate_records import NotAssessable, RuleWarning, ValidationReport, named
from components.study.results import Quarantined
from flows.gate_answers import gate_line, gate_notes, gate_reports
from flows.gate_artifacts import gate_markdown


def report(**more):
    bare = {"stopped_by": (), "quarantined": (), "expectations": (), "passed": True}
    return ValidationReport(table="clinical table", **{**bare, **more})


HELD = Quarantined(patient_id="P-1", reason="a negative time", found_by="clinical table")
WARNED = RuleWarning(reason="A with ECOG 1", n_judged=9, subjects=("P-2", "P-3"))
OPEN = NotAssessable(rule="range of 'inr'", why="column 'inr' is missing")


def results(*reports):
    """As the steps leave them: JSON."""
    first, *others = (one.model_dump(mode="json") for one in reports)
    return {"validation": {"reports": [first]}, "drift": {"reports": others}}


def test_a_report_comes_back_from_the_results_of_a_run():
    one, other = report(warnings=(WARNED,)), report(not_assessable=(OPEN,))
    assert gate_reports(results(one, other)) == (one, other)
    assert gate_reports({}) == ()


def test_notes_hold_each_warning_and_one_sentence_of_what_could_not_be_judged():
    found = gate_notes(results(report(warnings=(WARNED,)), report(not_assessable=(OPEN,))))
    assert found == (
        "clinical table: A with ECOG 1: 2 of 9 (P-2, P-3).",
        "Not assessable: range of 'inr' (column 'inr' is missing).",
    )


def test_many_rules_that_could_not_be_judged_are_counted():
    (note,) = gate_notes(results(report(not_assessable=(OPEN,) * 40)))
    assert "40 rules" in note
    assert len(note) < 200


def test_nothing_to_say_is_no_note():
    assert gate_notes(results(report())) == ()


def test_the_line_counts_patients_once():
    line = gate_line([report(quarantined=(HELD,), warnings=(WARNED,)), report(quarantined=(HELD,))])
    assert line == "0 expectations, 1 patients quarantined, 1 warnings, 0 not assessable"


def test_the_artifact_says_the_verdict_and_everything_by_pseudonym():
    stopped = report(passed=False, stopped_by=("no deaths",), quarantined=(HELD,))
    page = gate_markdown([stopped, report(warnings=(WARNED,), not_assessable=(OPEN,))], docs="D")
    for words in (
        "The flow stops.",
        "- clinical table: no deaths",
        "- `P-1`: a negative time",
        "- clinical table: A with ECOG 1: 2 of 9 (P-2, P-3)",
        "- range of 'inr': column 'inr' is missing",
        "Data Docs: D",
    ):
        assert words in page
    assert "The flow goes on." in gate_markdown([report()], docs="D")


def test_names_beyond_the_shown_are_counted():
    assert named(["a", "b", "c"], 2) == "a, b and 1 more"
    assert named(["a: 1, 2", "b"], 2) == "a: 1, 2; b"
