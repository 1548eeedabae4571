"""A real MLflow on SQLite."""

import shutil

import pytest

from components.platform.registry import Lineage, registering
from components.platform.tracking import Tracking
from components.study.vocabulary import DataOrigin


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """A migrated, empty database; making one takes seconds, copying it does not."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracking(f"sqlite:///{path}", "unused")
    return path


@pytest.fixture
def home(tmp_path):
    return tmp_path / ".armwise"


@pytest.fixture
def tracking(empty_database, home):
    home.mkdir()
    shutil.copyfile(empty_database, home / "mlflow.db")
    return Tracking(f"sqlite:///{home / 'mlflow.db'}", "hcc-demo", artifact_root=home / "artifacts")


@pytest.fixture
def run_id(tracking):
    return tracking.study_run("key", name="study", tags={})


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


def register_in(tracking, home, nomograms, lineage):
    """Registers nomograms and a recommender in a run of their own; gives the recommender."""

    def make(key: str, **changes):
        run_id = tracking.study_run(key, name="study", tags={})
        own = lineage.model_copy(update=changes)
        with registering(tracking, home=home, run_id=run_id, lineage=own) as registration:
            made = {
                arm: (registration.nomogram(nomogram, card="#"), nomogram)
                for arm, nomogram in nomograms.items()
            }
            return registration.recommender(made, backbone=None, card="#")

    return make


@pytest.fixture
def register(tracking, home, nomograms, lineage):
    return register_in(tracking, home, nomograms, lineage)
