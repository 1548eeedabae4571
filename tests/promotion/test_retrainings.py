"""What changed between two retrainings, from facts alone."""

import pytest

from components.promotion.retrainings import RunFacts, compare, is_selected

C = "test/tace/nomogram/c_harrell"


def run(run_id="a", **changes):
    facts = {
        "run_id": run_id * 8,
        "name": f"retrain {run_id}",
        "started": "2026-03-01 08:00",
        "status": "FINISHED",
        "tags": {"data_md5": "1.dir", "git_commit": "c" * 40, "armwise.adaptations": "none"},
        "params": {"n_patients": "110", "n_tace": "40", "backbone": "resnet18"},
        "metrics": {C: 0.6, f"{C}_lower": 0.5, f"{C}_upper": 0.7},
        "protocol": {"study": {"seed": 1, "arms": ["tace"]}, "profile": "sound"},
        "software": {"torch": "2.15.0", "numpy": "2.4.6"},
    }
    return RunFacts(**{**facts, **changes})


def told(changes):
    return {change.what: (change.old, change.new) for change in changes}


def test_the_same_twice_differs_in_nothing():
    who = {"P1": "tace/test"}
    found = compare(run("a"), run("b"), old_patients=who, new_patients=who)

    assert (found.data, found.protocol, found.code, found.outcome, found.unknown) == ((),) * 5
    assert (found.cohort.came, found.cohort.went, found.cohort.moved) == ((), (), ())
    assert [change.difference for change in found.figures] == [0.0]


def test_the_protocol_is_compared_leaf_by_leaf():
    other = {"study": {"seed": 2, "arms": ["tace", "hepatectomy"]}, "label": {"unknown": None}}

    assert told(compare(run(), run(protocol=other)).protocol) == {
        "study.seed": ("1", "2"),
        "study.arms": ("['tace']", "['tace', 'hepatectomy']"),
        "profile": ("sound", None),
        "label.unknown": (None, "none"),
    }


def test_without_a_protocol_the_hashes_are_compared_and_that_is_said():
    old = run(protocol=None, tags={"protocol_hash": "one"})
    found = compare(old, run("b", tags={"protocol_hash": "two"}))

    assert told(found.protocol) == {"hash": ("one", "two")}
    assert "Run aaaaaaaa holds no protocol: the hashes are compared." in found.unknown


def test_who_came_who_went_and_who_changed_places():
    before = {"P1": "tace/test", "P2": "tace/train", "P3": "tace/train"}
    after = {"P1": "tace/train", "P3": "tace/train", "P4": "tace/test"}
    cohort = compare(run(), run(), old_patients=before, new_patients=after).cohort

    assert (cohort.came, cohort.went, cohort.moved) == (("P4",), ("P2",), ("P1",))


def test_without_both_tables_only_the_numbers_are_known():
    new = run("b", params={"n_patients": "112", "n_tace": "42"}, tags={"data_md5": "2.dir"})
    found = compare(run(), new, old_patients={"P1": "tace/test"})

    assert found.cohort is None
    assert "only how many" in " ".join(found.unknown)
    assert told(found.data) == {
        "version (md5)": ("1.dir", "2.dir"),
        "patients": ("110", "112"),
        "patients, tace": ("40", "42"),
    }


def test_commit_versions_and_outcome():
    tags = {
        "data_md5": "1.dir",
        "git_commit": "d" * 40,
        "git_is_clean": "false",
        "armwise.gate": "promote",
        "armwise.adaptations": "none; split: merged (few)",
    }
    new = run("b", tags=tags, software={"torch": "2.16.0", "numpy": "2.4.6"}, status="FAILED")
    found = compare(run(), new)

    assert told(found.code) == {
        "commit": ("c" * 12, f"{'d' * 12} with changes beside it"),
        "torch": ("2.15.0", "2.16.0"),
    }
    assert told(found.outcome) == {
        "status": ("finished", "failed"),
        "gate": (None, "promote"),
        "adaptations": (None, "split: merged (few)"),
    }


def test_figures_stand_side_by_side_test_first():
    metrics = {
        "apparent/tace/nomogram/c_harrell": 0.8,
        "oof/mean_of_arms/dl_probability/tuning_target": 0.55,
        "test/tace/clinical/c_harrell": 0.58,
        "test/tace/nomogram/auc_cd_365d": 0.66,
        C: 0.65,
    }
    figures = compare(run(), run("b", metrics=metrics)).figures

    assert [change.name for change in figures] == [
        C,
        "test/tace/nomogram/auc_cd_365d",
        "test/tace/clinical/c_harrell",
        "oof/mean_of_arms/dl_probability/tuning_target",
        "apparent/tace/nomogram/c_harrell",
    ]
    assert figures[0].old.text() == "0.600 (0.500–0.700)"
    assert figures[0].new.text() == "0.650"
    assert figures[0].difference == pytest.approx(0.05)
    assert figures[1].difference is None


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (C, True),
        ("test/tace/nomogram/brier_365d", True),
        ("test/tace/combined/c_harrell", True),
        ("test/tace/combined/c_uno", False),
        ("apparent/tace/nomogram/c_harrell", False),
        ("oof/mean_of_arms/dl_probability/tuning_target", True),
        ("seconds", False),
    ],
)
def test_the_figures_shown_without_being_asked_for(name, shown):
    assert is_selected(name) is shown
