"""Tables of retrainings as a terminal shows them."""

import io

import pytest
from rich.console import Console

from components.promotion.retrainings import RunFacts, compare
from components.reporting.run_comparison import render_comparison, render_runs

WIDTH = 110


def facts(run_id, c, **changes):
    metrics = {
        f"test/{arm}/nomogram/c_harrell{suffix}": c + step
        for arm in ("hepatectomy", "tace")
        for suffix, step in (("", 0.0), ("_lower", -0.1), ("_upper", 0.1))
    }
    known = {
        "run_id": run_id * 8,
        "name": f"retrain {run_id * 8}",
        "started": "2026-03-01 08:00",
        "status": "FINISHED",
        "tags": {"data_md5": "0123456789abcdef.dir", "armwise.gate": "cannot decide"},
        "params": {"protocol": "studies/second.yaml", "n_patients": "409", "backbone": "resnet50"},
        "metrics": {**metrics, "apparent/tace/nomogram/c_harrell": 0.9},
        "version": "1",
        "protocol": {"study": {"seed": 1}},
        "software": {},
    }
    return RunFacts(**{**known, **changes})


@pytest.fixture
def shown():
    def text(content):
        console = Console(file=io.StringIO(), record=True, width=WIDTH, highlight=False)
        console.print(content)
        return console.export_text()

    return text


def test_the_table_of_runs_fits_and_names_the_champion(shown):
    runs = [
        facts("b", 0.7, version="2", params={"backbone": "densenet121", "protocol": "demo"}),
        facts("a", 0.6),
        RunFacts(
            run_id="c" * 32,
            name="fit-arms cccccccc",
            started="2026-02-01 08:00",
            status="FAILED",
            tags={},
            params={},
            metrics={},
        ),
    ]
    text = shown(render_runs(runs, champion="1"))

    assert "…" not in text
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "1 champion" in text
    assert "2 champion" not in text
    for part in (
        "densenet121",
        "0.700",
        "0.600–0.800",
        "n = 409",
        "second",
        "failed",
        "0123456789",
    ):
        assert part in text


def test_a_comparison_shows_changes_and_figures(shown):
    old = facts("a", 0.6)
    new = facts("b", 0.55, protocol={"study": {"seed": 2}})
    comparison = compare(
        old, new, old_patients={"P1": "tace/test"}, new_patients={"P2": "tace/test"}
    )
    text = shown(render_comparison(comparison, old, new, everything=False))

    assert "study.seed  1 → 2" in text
    assert "1 patient came: P2" in text
    assert "1 patient went: P1" in text
    assert "Code: no difference found" in text
    assert "0.600 (0.500–0.700)  0.550 (0.450–0.650)      −0.050" in text
    assert "test, TACE, Nomogram: Harrell's C" in text
    assert "apparent" not in text
    assert "1 further figures: --all" in text


def test_all_figures_when_asked_for(shown):
    old, new = facts("a", 0.6), facts("b", 0.6)
    text = shown(render_comparison(compare(old, new), old, new, everything=True))

    assert "apparent, TACE, Nomogram: Harrell's C" in text
    assert "--all" not in text
