"""A decision that was taken is carried out, not taken again against the run's own model."""

import pytest

from components.platform.model_version import RECOMMENDER
from components.platform.tracking import Tracking
from components.promotion.records import ArmEvidence, ChampionFacts, Decision, Evidence
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin, ModelKind, SignatureState, TreatmentArm
from flows.tasks.judgement import Judgement, read_judgement, write_judgement

ARM = TreatmentArm.TACE


@pytest.fixture(scope="module")
def tracking(tmp_path_factory):
    """A store in which the recommender's version 1 is of the run `old`, version 2 of `own`."""
    folder = tmp_path_factory.mktemp("store")
    tracking = Tracking(f"sqlite:///{folder / 'mlflow.db'}", "faults", artifact_root=folder / "a")
    tracking.client.create_registered_model(RECOMMENDER)
    for run_id in ("old", "own"):
        tracking.client.create_model_version(RECOMMENDER, source=str(folder), run_id=run_id)
    return tracking


def judgement(champion_version):
    figure = Estimate(value=0.6, lower=0.5, upper=0.7, n=30, n_events=12, method="for a test")
    evidence = Evidence(
        study_id="hcc",
        data_origin=DataOrigin.SYNTHETIC,
        arms={ARM: ArmEvidence(model_kind=ModelKind.CLINICAL, c=figure, slope=figure)},
        signature=SignatureState.NULL,
        n_test_readings=1,
        champion_version=champion_version,
    )
    decision = Decision(
        verdict="promote", reasons=("because",), by_arm={ARM: "promote"}, promotes_signature=False
    )
    return Judgement(models="digest", evidence=evidence, decision=decision)


def champion(version):
    return ChampionFacts(
        recommender_version=version,
        study_id="hcc",
        data_origin=DataOrigin.SYNTHETIC,
        nomogram_versions={ARM: "1"},
        backbone_version=None,
        data_version="d",
        first_approved_version="1",
    )


@pytest.mark.parametrize(
    ("against", "stands", "models", "is_kept"),
    [
        (None, None, "digest", True),
        ("1", "1", "digest", True),
        (None, "2", "digest", True),  # the pointer was moved to the run's own before the kill
        ("1", "2", "digest", True),
        (None, "1", "digest", False),  # another champion has come meanwhile
        ("1", None, "digest", False),
        ("1", "1", "other models", False),
    ],
)
def test_what_was_decided_holds_for_these_models_and_this_champion(
    tracking, tmp_path, against, stands, models, is_kept
):
    kept = judgement(against)
    write_judgement(tmp_path / "judgement.json", kept)
    found = read_judgement(
        tmp_path / "judgement.json",
        models=models,
        champion=champion(stands) if stands else None,
        tracking=tracking,
        run_id="own",
    )
    assert found == (kept if is_kept else None)


def test_a_judgement_that_was_cut_off_is_none(tracking, tmp_path):
    path = tmp_path / "judgement.json"
    write_judgement(path, judgement(None))
    path.write_bytes(path.read_bytes()[:100])
    found = read_judgement(path, models="digest", champion=None, tracking=tracking, run_id="own")
    assert found is None
