"""The history in a real registry, and the pointer moved by hand."""

import shutil

import pytest
from mlflow import MlflowClient

from components.errors import IntegrityError, PlatformError, UsageError
from components.platform.champion import champion_facts, champion_version, promote, repair
from components.platform.history import read_history, record_move
from components.platform.journal import is_clear
from components.platform.registry import RECOMMENDER, nomogram_name
from components.platform.rollback import approve, roll_back
from components.platform.tracking import Store, Tracking
from components.promotion.history import next_entry
from components.study.vocabulary import DataOrigin, TreatmentArm
from tests.platform.conftest import register_in

TAG = "armwise.history."


@pytest.fixture(scope="module")
def registered(tmp_path_factory, empty_database, nomograms, lineage):
    """A store with three versions of a study, and two foreign ones; made once, copied often."""
    folder = tmp_path_factory.mktemp("registered")
    shutil.copyfile(empty_database, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    register = register_in(
        Tracking(uri, "hcc-demo", artifact_root=folder / "artifacts"), folder, nomograms, lineage
    )
    versions = [register(key) for key in ("one", "two", "three")]
    register("four", study_id="another-study")
    register("five", data_origin=DataOrigin.REAL)
    return folder / "mlflow.db", versions


@pytest.fixture
def store(registered, home):
    home.mkdir()
    shutil.copyfile(registered[0], home / "mlflow.db")
    return Store(f"sqlite:///{home / 'mlflow.db'}")


@pytest.fixture
def three(store, home, registered):
    """Three versions; the first two were promoted."""
    promote(store, registered[1][0], home=home, reason="first of the study")
    promote(store, registered[1][1], home=home, reason="better")
    return registered[1]


def back(store, home, **how):
    return roll_back(store, home=home, **{"reason": "worse in use", "by": "operator", **how})


def test_promotions_approvals_and_rollbacks_are_recorded(store, home, three):
    approve(store, "3", home=home, reason="larger cohort", by="A. Person")
    facts = back(store, home)

    assert facts == champion_facts(store)
    assert facts.recommender_version == "2"
    assert facts.nomogram_versions == dict.fromkeys(TreatmentArm, "2")
    said = [
        (one.kind, one.from_version, one.to_version, one.by, one.reason)
        for one in read_history(store)
    ]
    assert said == [
        ("promotion", None, "1", "gate", "first of the study"),
        ("promotion", "1", "2", "gate", "better"),
        ("approval", "2", "3", "A. Person", "larger cohort"),
        ("rollback", "3", "2", "operator", "worse in use"),
    ]


def test_the_aliases_follow_a_rollback_and_the_version_keeps_its_reason(store, home, three):
    back(store, home)

    for arm in TreatmentArm:
        aliases = store.client.get_registered_model(nomogram_name(arm)).aliases
        assert str(aliases["champion"]) == "1"
    tags = store.client.get_model_version(RECOMMENDER, "1").tags
    assert tags["armwise.promotion_reason"] == "first of the study"


def test_promoting_the_champion_again_adds_nothing(store, home, three):
    promote(store, three[1], home=home, reason="the same retraining goes on")

    assert len(read_history(store)) == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"to": "2"}, "is the champion already"),
        ({"to": "3"}, "never was the champion; earlier champions are 1"),
        ({"to": "one"}, "never was the champion"),
    ],
)
def test_a_rollback_that_cannot_be_meant_moves_nothing(store, home, three, how, message):
    with pytest.raises(UsageError, match=message):
        back(store, home, **how)

    assert champion_version(store) == "2"
    assert len(read_history(store)) == 2


def test_nothing_before_the_first_and_nothing_before_any(store, home, registered):
    with pytest.raises(UsageError, match="nothing was ever promoted"):
        back(store, home)
    promote(store, registered[1][0], home=home, reason="r")
    with pytest.raises(UsageError, match="nothing before it"):
        back(store, home)


def test_a_version_that_is_gone_is_named_with_those_that_are_left(store, home, three):
    promote(store, three[2], home=home, reason="r")
    store.client.delete_model_version(RECOMMENDER, "2")

    with pytest.raises(UsageError, match=r"version 2 .* not in the registry; earlier champions"):
        back(store, home)
    with pytest.raises(UsageError, match="registered are 5, 4, 3, 1"):
        approve(store, "2", home=home, reason="r", by="b")
    assert back(store, home, to="1").recommender_version == "1"


@pytest.mark.parametrize("foreign", ["4", "5"], ids=["study", "origin"])
def test_a_foreign_version_is_refused(store, home, three, foreign):
    with pytest.raises(UsageError, match=r"the champion (belongs to study|comes from)"):
        approve(store, foreign, home=home, reason="r", by="b")

    assert champion_version(store) == "2"
    assert is_clear(home)


def spoil(store, change):
    """Two entries with something done to them by hand, in the registry."""
    client: MlflowClient = store.client
    tags = client.get_registered_model(RECOMMENDER).tags
    if change == "edited":
        text = tags[f"{TAG}0001"].replace("first of the study", "no reason")
        client.set_registered_model_tag(RECOMMENDER, f"{TAG}0001", text)
    elif change == "garbled":
        client.set_registered_model_tag(RECOMMENDER, f"{TAG}0001", "nothing")
    else:
        client.delete_registered_model_tag(RECOMMENDER, f"{TAG}{change}")


@pytest.mark.parametrize(
    ("change", "entry"), [("edited", 1), ("garbled", 1), ("0001", 1), ("0002", 2), ("head", 2)]
)
def test_a_spoiled_history_stops_every_move(store, home, three, change, entry):
    spoil(store, change)

    for move in (
        lambda: read_history(store),
        lambda: back(store, home),
        lambda: promote(store, three[2], home=home, reason="r"),
    ):
        with pytest.raises(IntegrityError, match=f"entry {entry} "):
            move()
    assert champion_version(store) == "2"


def test_two_that_move_at_the_same_moment_do_not_overwrite_each_other(store, home, three):
    history = read_history(store)
    one, other = (
        next_entry(history, kind="approval", from_version="2", to_version=to, reason="r", by="b")
        for to in "31"
    )
    record_move(store, one)

    with pytest.raises(PlatformError, match=r"entry 3 .* written elsewhere"):
        record_move(store, other)
    assert read_history(store)[-1] == one


def test_a_rollback_cut_short_is_finished_at_the_next_start(store, home, three, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("components.platform.champion.record_move", die)
    with pytest.raises(KeyboardInterrupt):
        back(store, home)
    monkeypatch.undo()
    assert len(read_history(store)) == 2

    assert repair(store, home=home) == ("finished the rollback of armwise-recommender version 1",)
    assert champion_version(store) == "1"
    assert read_history(store)[-1].reason == "worse in use"
