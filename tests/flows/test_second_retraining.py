"""A challenger meets a champion: judged on the same patients, by both their own signatures."""

import json
import re

import pytest
import yaml

from components.platform.champion import champion_version, promote
from components.platform.model_version import RECOMMENDER, ModelVersion
from components.platform.tracking import Tracking
from flows.settings import PROTOCOLS
from tests.flows.conftest import armwise

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tracking(smoke_study):
    return Tracking(f"sqlite:///{smoke_study.folder / '.armwise' / 'mlflow.db'}", "hcc-smoke")


def test_a_challenger_is_compared_with_the_champion(smoke_study, tracking):
    home = smoke_study.folder / ".armwise"
    first = tracking.client.get_model_version(RECOMMENDER, "1")
    version = ModelVersion(
        name=RECOMMENDER, version="1", run_id=first.run_id, model_uri="", sha256="0" * 64
    )
    promote(tracking, version, home=home, reason="approved for a test", approved_by="a person")

    protocol = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text())
    protocol["clinical"]["ridge_penalties"] = [256]
    (smoke_study.folder / "challenger.yaml").write_text(yaml.safe_dump(protocol))
    done = armwise("retrain", "--protocol", "challenger.yaml", study=smoke_study.folder)
    assert done.returncode == 0, done.stdout + done.stderr

    # The networks did not change: search, refit and signature are not repeated.
    assert len(re.findall("known, not repeated", done.stdout)) == 6
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
