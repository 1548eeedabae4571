"""A challenger meets a champion: judged on the same patients, by both their own signatures."""

import json
import re

import pytest
import yaml

from components.platform.champion import champion_version
from components.platform.history import read_history
from components.platform.model_version import RECOMMENDER
from components.platform.rollback import approve
from components.platform.tracking import Tracking
from flows.settings import PROTOCOLS
from tests.flows.conftest import armwise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tracking(smoke_study):
    return Tracking(f"sqlite:///{smoke_study.folder / '.armwise' / 'mlflow.db'}", "hcc-smoke")


@pytest.fixture(scope="module")
def challenged(smoke_study):
    """The study's first version approved by a person, then a retraining with another penalty."""
    study = smoke_study.folder
    approved = armwise("approve", "1", "--reason", "for a test", "--by", "a person", study=study)
    assert approved.returncode == 0, approved.stderr
    protocol = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text())
    protocol["clinical"]["ridge_penalties"] = [256]
    (study / "challenger.yaml").write_text(yaml.safe_dump(protocol))
    done = armwise("retrain", "--protocol", "challenger.yaml", study=study)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_a_challenger_is_compared_with_the_champion(challenged, smoke_study, tracking):
    home, done = smoke_study.folder / ".armwise", challenged
    # The networks did not change: neither search nor checks, refit, heat maps and signature are
    # repeated.
    assert len(re.findall("known, not repeated", done.stdout)) == 9
    (newest,) = [
        json.loads(path.read_text())
        for path in (home / "finished").glob("*.json")
        if json.loads(path.read_text())["versions"][RECOMMENDER] == "2"
    ]
    tags = tracking.client.get_run(newest["run_id"]).data.tags
    for arm in ("Hepatectomy", "TACE"):
        assert f"{arm}: the difference in C from the champion" in tags["armwise.gate_reasons"]
    expected = "2" if tags["armwise.gate"] == "promote" else "1"
    assert champion_version(tracking) == expected
    aliases = tracking.client.get_registered_model("armwise-nomogram-tace").aliases
    assert str(aliases["champion"]) == expected


def test_what_changed_is_shown_and_a_promotion_is_taken_back(challenged, smoke_study, tracking):
    study = smoke_study.folder
    shown = armwise("compare", "previous", "latest", study=study)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"clinical\.ridge_penalties +\[0\.0.* → \[256\.0\]", shown.stdout)
    assert "the same patients, arms and split" in shown.stdout
    assert "Data: no difference found" in shown.stdout
    assert re.search(r"TACE, Nomogram: Harrell's C +\d\.\d+ \(\d.* [+−]\d\.\d+", shown.stdout)

    if champion_version(tracking) == "1":
        approve(tracking, "2", home=study / ".armwise", reason="for a test", by="a person")
    back = armwise("rollback", "--reason", "a test of the way back", study=study)
    assert back.returncode == 0, back.stderr
    assert champion_version(tracking) == "1"
    entries = read_history(tracking)
    assert [(entry.kind, entry.to_version) for entry in entries[::2]] == [
        ("approval", "1"),
        ("rollback", "1"),
    ]
    assert (entries[-1].by, entries[-1].reason) == ("operator", "a test of the way back")

    name = "armwise.history.0002"
    text = tracking.client.get_registered_model(RECOMMENDER).tags[name]
    spoiled = text.replace('"to_version":"2"', '"to_version":"1"')
    tracking.client.set_registered_model_tag(RECOMMENDER, name, spoiled)
    told = armwise("history", study=study)
    tracking.client.set_registered_model_tag(RECOMMENDER, name, text)
    assert told.returncode == 5
    assert "entry 2 of the promotion history is not what was written" in told.stderr
