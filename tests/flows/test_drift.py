"""Drift since the data of the last promoted model: real MLflow, real DVC."""

import shutil

import numpy as np
import pandas as pd
import pytest

from components.cohort.dataset import Dataset, DatasetCard
from components.platform.champion import promote
from components.platform.data_version import init_study, resolve
from components.platform.registry import Lineage, registering
from components.platform.tracking import Tracking
from components.study.protocol import read_protocol
from components.study.vocabulary import DataOrigin, TreatmentArm
from flows.drift import assess_drift
from flows.settings import PROTOCOLS

# Of a parser below Great Expectations, and of the configuration library below DVC.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning"),
]

STUDY = "hcc"


def write_study(data, *, shift=0.0):
    """Eighty patients; no images."""
    rng = np.random.default_rng(1)
    n = 80
    table = pd.DataFrame(
        {
            "patient_id": [f"P{number:03d}" for number in range(n)],
            "arm": ["hepatectomy", "tace"] * (n // 2),
            "os_days": rng.uniform(100, 2000, n),
            "death": [0, 1] * (n // 2),
            "albumin_g_per_l": rng.normal(40 + shift, 4, n),
        }
    )
    data.mkdir(parents=True, exist_ok=True)
    table.to_parquet(data / "clinical.parquet")
    card = DatasetCard(
        name="small",
        origin=DataOrigin.REAL,
        arms=tuple(TreatmentArm),
        units={},
        description="Eighty invented patients.",
    )
    (data / "dataset.json").write_text(card.to_json(), encoding="utf-8")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study's folder with two data versions; the md5 of the earlier and of the later."""
    folder = tmp_path_factory.mktemp("drift")
    write_study(folder / "data")
    earlier = init_study(folder, remote=folder / "remote")
    write_study(folder / "data", shift=-8.0)
    return folder, earlier.md5, resolve(folder).md5


@pytest.fixture(scope="module")
def store(study, nomograms, tmp_path_factory):
    """A registry whose champion was fitted on the earlier version."""
    home = tmp_path_factory.mktemp("home")
    tracking = Tracking(f"sqlite:///{home / 'mlflow.db'}", STUDY, artifact_root=home / "artifacts")
    lineage = Lineage(
        study_id=STUDY,
        data_origin=DataOrigin.REAL,
        git_commit="0123abc",
        data_md5=study[1],
        protocol_hash="p" * 16,
        split_hash="s" * 16,
    )
    run_id = tracking.study_run("key", name="study", tags={})
    with registering(tracking, home=home, run_id=run_id, lineage=lineage) as registration:
        made = {
            arm: (registration.nomogram(nomogram, card="#"), nomogram)
            for arm, nomogram in nomograms.items()
        }
        recommender = registration.recommender(made, backbone=None, card="#")
    promote(tracking, recommender, home=home, reason="the first")
    return tracking


def assess(store, study_dir, tmp_path, *, md5, study_id=STUDY):
    protocol = read_protocol(PROTOCOLS / "sound.yaml")
    section = protocol.study.model_copy(update={"study_id": study_id})
    return assess_drift(
        store,
        study_dir=study_dir,
        dataset=Dataset(study_dir / "data"),
        protocol=protocol.model_copy(update={"study": section}),
        data_md5=md5,
        docs_dir=tmp_path,
    )


def why(report):
    (only,) = report.not_assessable
    return only.why


def test_a_column_that_has_moved_is_told_with_the_version(study, store, tmp_path):
    folder, earlier, later = study
    report = assess(store, folder, tmp_path, md5=later)
    (warning,) = report.warnings
    assert earlier in warning.reason
    (said,) = warning.subjects
    assert said.startswith("albumin_g_per_l, all patients: ")
    assert report.passed
    assert (tmp_path / "drift.html").exists()


def test_the_same_version_has_not_drifted(study, store, tmp_path):
    folder, earlier, _ = study
    assert "this very data version" in why(assess(store, folder, tmp_path, md5=earlier))


def test_without_a_store_there_is_no_promoted_version(study, tmp_path):
    folder, _, later = study
    assert why(assess(None, folder, tmp_path, md5=later)) == "no promoted version"


def test_the_champion_of_another_study_is_not_compared_with(study, store, tmp_path):
    folder, _, later = study
    report = assess(store, folder, tmp_path, md5=later, study_id="another")
    assert "belongs to the study 'hcc'" in why(report)


def test_a_version_that_is_nowhere_any_more_is_not_assessable(study, store, tmp_path):
    folder, earlier, later = study
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    for place in (copy / "remote", copy / ".dvc" / "cache"):
        for path in place.rglob(f"{earlier[2:]}*"):
            path.chmod(0o600)
            path.unlink()
    assert f"data version {earlier}" in why(assess(store, copy, tmp_path, md5=later))
