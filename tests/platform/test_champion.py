"""The one pointer and what follows it, in a real MLflow registry."""

import pytest
from mlflow.exceptions import MlflowException

from components.errors import UsageError
from components.platform.champion import champion_facts, promote, repair
from components.platform.history import read_history, record_move
from components.platform.journal import Intention, intending, is_clear
from components.platform.registry import RECOMMENDER, nomogram_name
from components.promotion.history import next_entry
from components.study.vocabulary import DataOrigin, TreatmentArm


def alias(tracking, name):
    try:
        return str(tracking.client.get_model_version_by_alias(name, "champion").version)
    except MlflowException:
        return None


def aliases(tracking):
    names = [RECOMMENDER, *(nomogram_name(arm) for arm in TreatmentArm)]
    return {alias(tracking, name) for name in names}


def die_while_promoting(tracking, home, target, previous):
    entry = next_entry(
        read_history(tracking),
        kind="promotion",
        from_version=previous,
        to_version=target,
        reason="r",
        by="gate",
    )
    intention = Intention(kind="move", identity="x", entry=entry)
    with pytest.raises(KeyboardInterrupt), intending(home, intention):
        raise KeyboardInterrupt
    return entry


def test_nothing_promoted_means_no_champion(tracking, register):
    register("one")

    assert champion_facts(tracking) is None


def test_all_aliases_follow_the_pointer_and_the_facts_are_its_pins(tracking, home, register):
    first, second = register("one"), register("two")
    promote(tracking, first, home=home, reason="first of the study")

    facts = promote(tracking, second, home=home, reason="better", approved_by="A. Person")

    assert aliases(tracking) == {"2"}
    assert facts == champion_facts(tracking)
    assert facts.recommender_version == "2"
    assert facts.nomogram_versions == dict.fromkeys(TreatmentArm, "2")
    assert (facts.backbone_version, facts.first_approved_version) == (None, "1")
    assert facts.approved_by == "A. Person"
    assert not facts.is_first
    tags = tracking.client.get_model_version(RECOMMENDER, "2").tags
    assert tags["armwise.promotion_reason"] == "better"


@pytest.mark.parametrize(
    "foreign", [{"study_id": "another-study"}, {"data_origin": DataOrigin.REAL}]
)
def test_a_foreign_challenger_is_refused_and_nothing_moves(tracking, home, register, foreign):
    promote(tracking, register("one"), home=home, reason="r")

    with pytest.raises(UsageError, match="armwise init"):
        promote(tracking, register("two", **foreign), home=home, reason="r")

    assert aliases(tracking) == {"1"}
    assert is_clear(home)


CUT = ["nothing", "entry", "pointer"]


@pytest.mark.parametrize("done_before", CUT)
def test_a_promotion_cut_short_is_finished_at_the_next_start(tracking, home, register, done_before):
    first, second = register("one"), register("two")
    promote(tracking, first, home=home, reason="r")
    entry = die_while_promoting(tracking, home, second.version, first.version)
    if done_before != "nothing":
        record_move(tracking, entry)
    if done_before == "pointer":
        tracking.client.set_registered_model_alias(RECOMMENDER, "champion", "2")

    done = repair(tracking, home=home)

    assert done == ("finished the promotion of armwise-recommender version 2",)
    assert aliases(tracking) == {"2"}
    assert [one.to_version for one in read_history(tracking)] == ["1", "2"]
    assert read_history(tracking)[-1] == entry
    assert repair(tracking, home=home) == ()


def test_a_pointer_moved_since_is_left_where_it_is(tracking, home, register):
    first, second, third = register("one"), register("two"), register("three")
    promote(tracking, first, home=home, reason="r")
    die_while_promoting(tracking, home, second.version, first.version)
    promote(tracking, third, home=home, reason="r")

    repair(tracking, home=home)

    assert aliases(tracking) == {"3"}
    assert [entry.to_version for entry in read_history(tracking)] == ["1", "3"]


def test_a_promotion_of_a_version_that_is_gone_is_dropped(tracking, home, register):
    promote(tracking, register("one"), home=home, reason="r")
    die_while_promoting(tracking, home, "7", "1")

    assert "is gone" in repair(tracking, home=home)[0]
    assert aliases(tracking) == {"1"}
    assert is_clear(home)


def test_versions_of_a_killed_registration_are_removed_at_the_next_start(
    tracking, home, run_id, lineage, nomograms, register
):
    register("one")
    identity = "killed"
    from components.platform import registry

    registration = registry.Registration(
        tracking, run_id=run_id, lineage=lineage, identity=identity, folder=home / "scratch"
    )
    registration.nomogram(nomograms[TreatmentArm.TACE], card="#")
    with (
        pytest.raises(KeyboardInterrupt),
        intending(home, Intention(kind="registration", identity=identity)),
    ):
        raise KeyboardInterrupt

    done = repair(tracking, home=home)

    assert done == ("removed armwise-nomogram-tace version 2: its registration was cut short",)
    assert len(tracking.client.search_model_versions()) == 3
