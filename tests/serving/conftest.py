"""A real MLflow on SQLite with registered models."""

import pytest

from components.platform.registry import Lineage, registering
from components.platform.tracking import Tracking
from components.study.vocabulary import DataOrigin


@pytest.fixture(scope="session")
def lineage():
    return Lineage(
        study_id="hcc-demo",
        data_origin=DataOrigin.SYNTHETIC,
        git_commit="0123abc",
        data_md5="d41d8cd98f00b204e9800998ecf8427e.dir",
        protocol_hash="p" * 16,
        split_hash="s" * 16,
    )


@pytest.fixture(scope="session")
def registered(tmp_path_factory, nomograms, lineage):
    """Both nomograms and the recommender that pins them, and the store that holds them."""
    home = tmp_path_factory.mktemp("armwise")
    tracking = Tracking(
        f"sqlite:///{home / 'mlflow.db'}", "hcc-demo", artifact_root=home / "artifacts"
    )
    run_id = tracking.study_run("key", name="study", tags={})
    with registering(tracking, home=home, run_id=run_id, lineage=lineage) as registration:
        versions = {
            arm: registration.nomogram(nomogram, card="#") for arm, nomogram in nomograms.items()
        }
        pairs = {arm: (versions[arm], nomograms[arm]) for arm in nomograms}
        recommender = registration.recommender(pairs, backbone=None, card="#")
    return tracking, versions, recommender
