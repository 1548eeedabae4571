"""The one pointer and what follows it, in a real MLflow registry."""

import pytest
from mlflow.exceptions import MlflowException

from components.errors import UsageError
from components.platform.champion import champion_facts, promote, repair
from components.platform.journal import Intention, intending, is_clear
from components.platform.registry import RECOMMENDER, nomogram_name, registering
from components.study.vocabulary import DataOrigin, TreatmentArm


@pytest.fixture
def register(tracking, home, nomograms, lineage):
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


def alias(tracking, name):
    try:
        return str(tracking.client.get_model_version_by_alias(name, "champion").version)
    except MlflowException:
        return None


def aliases(tracking):
    names = [RECOMMENDER, *(nomogram_name(arm) for arm in TreatmentArm)]
    return {alias(tracking, name) for name in names}


def die_while_promoting(home, target, previous):
    intention = Intention(kind="promotion", identity="x", target=target, previous=previous)
    with pytest.raises(KeyboardInterrupt), intending(home, intention):
        raise KeyboardInterrupt


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


def test_rolling_back_is_the_same_call(tracking, home, register):
    first, second = register("one"), register("two")
    promote(tracking, second, home=home, reason="r")

    assert promote(tracking, first, home=home, reason="back").recommender_version == "1"
    assert aliases(tracking) == {"1"}


@pytest.mark.parametrize(
    "foreign", [{"study_id": "another-study"}, {"data_origin": DataOrigin.REAL}]
)
def test_a_foreign_challenger_is_refused_and_nothing_moves(tracking, home, register, foreign):
    promote(tracking, register("one"), home=home, reason="r")

    with pytest.raises(UsageError, match="armwise init"):
        promote(tracking, register("two", **foreign), home=home, reason="r")

    assert aliases(tracking) == {"1"}
    assert is_clear(home)


@pytest.mark.parametrize("moved", [False, True], ids=["before the pointer", "after the pointer"])
def test_a_promotion_cut_short_is_finished_at_the_next_start(tracking, home, register, moved):
    first, second = register("one"), register("two")
    promote(tracking, first, home=home, reason="r")
    die_while_promoting(home, second.version, first.version)
    if moved:
        tracking.client.set_registered_model_alias(RECOMMENDER, "champion", "2")

    done = repair(tracking, home=home)

    assert done == ("finished the promotion of armwise-recommender version 2",)
    assert aliases(tracking) == {"2"}
    assert repair(tracking, home=home) == ()


def test_a_pointer_moved_since_is_left_where_it_is(tracking, home, register):
    first, second, third = register("one"), register("two"), register("three")
    promote(tracking, first, home=home, reason="r")
    die_while_promoting(home, second.version, first.version)
    promote(tracking, third, home=home, reason="r")

    repair(tracking, home=home)

    assert aliases(tracking) == {"3"}


def test_a_promotion_of_a_version_that_is_gone_is_dropped(tracking, home, register):
    promote(tracking, register("one"), home=home, reason="r")
    die_while_promoting(home, "7", "1")

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
