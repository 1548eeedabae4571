"""Evidence in, decision out."""

import pytest

from components.errors import UsageError
from components.promotion.decision import decide
from components.promotion.records import ArmEvidence, ChampionFacts, Decision, Evidence
from components.study.protocol import PromotionSection
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin, ModelKind, SignatureState, TreatmentArm

HEPATECTOMY, TACE = TreatmentArm.HEPATECTOMY, TreatmentArm.TACE
SECTION = PromotionSection(
    interval_level=0.9,
    first_minimum_c_lower=0.5,
    slope_range=(0.7, 1.43),
    slope_interval_meets=(0.8, 1.25),
    challenger_minimum_difference=-0.01,
    challenger_minimum_difference_lower=-0.05,
)
CHAMPION = ChampionFacts(
    recommender_version="4",
    study_id="hcc",
    data_origin=DataOrigin.REAL,
    nomogram_versions={HEPATECTOMY: "7", TACE: "6"},
    backbone_version="3",
    data_version="md5-of-older-data",
    first_approved_version="1",
)


def estimate(value, lower=None, upper=None, *, level=0.9):
    return Estimate(
        value=value, lower=lower, upper=upper, level=level, n=70, n_events=33, method="test"
    )


NOT_ESTIMABLE = Estimate.not_estimable("3 events, 10 are needed", n=20, n_events=3, method="test")
GOOD = ArmEvidence(
    model_kind=ModelKind.COMBINED,
    c=estimate(0.66, 0.58, 0.74),
    slope=estimate(1.02, 0.61, 1.43),
    difference=estimate(0.01, -0.02, 0.04),
    difference_to_first=estimate(0.02, -0.03, 0.07),
)


def evidence(hepatectomy=GOOD, tace=GOOD, **changes):
    values = {
        "study_id": "hcc",
        "data_origin": DataOrigin.REAL,
        "arms": {HEPATECTOMY: hepatectomy, TACE: tace},
        "signature": SignatureState.FITTED,
        "n_test_readings": 2,
        "challenger_version": "5",
        "champion_version": "4",
    }
    return Evidence(**(values | changes))


def changed(**figures):
    return GOOD.model_copy(update=figures)


def test_a_first_champion_that_meets_every_rule_is_promoted():
    decision = decide(evidence(champion_version=None), SECTION, None)
    assert decision.verdict == "promote"
    assert decision.is_promoted
    assert decision.promotes_signature
    assert decision.by_arm == {HEPATECTOMY: "promote", TACE: "promote"}


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({"c": estimate(0.58, 0.5001, 0.66)}, "promote"),
        ({"c": estimate(0.58, 0.5, 0.66)}, "cannot decide"),  # above, not at
        ({"c": estimate(0.58, 0.49, 0.66)}, "cannot decide"),
        ({"c": estimate(0.41, 0.33, 0.499)}, "worse"),
        ({"c": NOT_ESTIMABLE}, "cannot decide"),
        ({"slope": estimate(0.7, 0.5, 0.9)}, "promote"),
        ({"slope": estimate(0.69, 0.5, 0.9)}, "cannot decide"),
        ({"slope": estimate(0.5, -0.2, 1.2)}, "cannot decide"),  # a wide interval is no merit
        ({"slope": estimate(1.44, 1.1, 1.8)}, "cannot decide"),
        ({"slope": estimate(0.75, 0.71, 0.79)}, "worse"),
        ({"slope": estimate(1.4, 1.3, 1.5)}, "worse"),
        ({"slope": estimate(0.44, 0.3, 0.58)}, "worse"),
        ({"slope": NOT_ESTIMABLE}, "cannot decide"),
        ({"difference": estimate(-0.2, -0.3, -0.1)}, "promote"),  # nothing to compare with yet
    ],
)
def test_one_arm_decides_for_all_arms_of_a_first_champion(figures, verdict):
    decision = decide(evidence(tace=changed(**figures), champion_version=None), SECTION, None)
    assert decision.verdict == verdict
    assert decision.by_arm == {HEPATECTOMY: "promote", TACE: verdict}
    assert decision.is_promoted == decision.promotes_signature == (verdict == "promote")


@pytest.mark.parametrize("which", ["difference", "difference_to_first"])
@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (estimate(-0.009, -0.049, 0.03), "promote"),
        (estimate(-0.01, -0.049, 0.03), "cannot decide"),
        (estimate(0.02, -0.051, 0.09), "cannot decide"),
        (estimate(-0.03, -0.05, -0.0101), "worse"),
        (NOT_ESTIMABLE, "cannot decide"),
        (None, "cannot decide"),
    ],
)
def test_a_later_challenger_keeps_the_margins_against_champion_and_first(which, figure, verdict):
    decision = decide(evidence(hepatectomy=changed(**{which: figure})), SECTION, CHAMPION)
    assert decision.verdict == verdict
    assert decision.by_arm == {HEPATECTOMY: verdict, TACE: "promote"}


def test_margins_cannot_creep_over_many_small_losses():
    creeping = changed(
        difference=estimate(-0.005, -0.02, 0.01),
        difference_to_first=estimate(-0.04, -0.06, -0.02),
    )
    assert decide(evidence(tace=creeping), SECTION, CHAMPION).verdict == "worse"


def test_the_first_champion_is_compared_with_once():
    first = CHAMPION.model_copy(update={"first_approved_version": "4"})
    alone = changed(difference_to_first=None)
    decision = decide(evidence(alone, alone), SECTION, first)
    assert decision.verdict == "promote"
    assert not any("first model" in reason for reason in decision.reasons)


def test_the_slope_is_judged_for_a_later_challenger_and_chance_is_not():
    weak_c = changed(c=estimate(0.5, 0.4, 0.6))
    assert decide(evidence(tace=weak_c), SECTION, CHAMPION).verdict == "promote"
    steep = changed(slope=estimate(0.44, 0.3, 0.58))
    assert decide(evidence(tace=steep), SECTION, CHAMPION).verdict == "worse"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"study_id": "other"}, "belongs to study 'other', the champion to 'hcc'"),
        ({"data_origin": DataOrigin.SYNTHETIC}, "fitted on synthetic data, the champion on real"),
        ({"arms": {HEPATECTOMY: GOOD}}, "serves TACE, for which the challenger has no nomogram"),
        ({"champion_version": "3"}, "compares with 3, but the champion is version 4"),
        ({"champion_version": None}, "compares with no champion"),
    ],
)
def test_what_cannot_be_compared_is_refused_however_good(changes, sentence):
    decision = decide(evidence(**changes), SECTION, CHAMPION)
    assert decision.verdict == "refused"
    assert set(decision.by_arm.values()) == {"refused"}
    assert not decision.promotes_signature
    assert any(sentence in reason for reason in decision.reasons)


def test_a_real_challenger_does_not_replace_a_synthetic_champion():
    synthetic = CHAMPION.model_copy(update={"data_origin": DataOrigin.SYNTHETIC})
    assert decide(evidence(), SECTION, synthetic).verdict == "refused"


def test_worse_in_one_arm_outweighs_undecided_in_the_other():
    decision = decide(
        evidence(changed(c=NOT_ESTIMABLE), changed(c=estimate(0.4, 0.3, 0.45))), SECTION, None
    )
    assert decision.verdict == "worse"
    assert decision.by_arm == {HEPATECTOMY: "cannot decide", TACE: "worse"}


def test_a_null_signature_is_never_promoted_and_the_clinical_nomogram_can_be():
    clinical = changed(model_kind=ModelKind.CLINICAL)
    decision = decide(
        evidence(clinical, clinical, signature=SignatureState.NULL, champion_version=None),
        SECTION,
        None,
    )
    assert decision.verdict == "promote"
    assert not decision.promotes_signature
    assert decision.reasons[0].startswith("The signature is null")


def test_a_null_signature_with_a_combined_model_cannot_be_evidence():
    with pytest.raises(ValueError, match="expected the clinical model"):
        evidence(signature=SignatureState.NULL)


def test_reasons_are_sentences_with_the_numbers():
    decision = decide(evidence(), SECTION, CHAMPION)
    for reason in decision.reasons:
        assert reason[0].isupper()
        assert reason.endswith(".")
    said = " ".join(decision.reasons)
    assert "TACE: the calibration slope is 1.020 (90% interval 0.610 to 1.430" in said
    assert "70 patients, 33 deaths" in said
    assert "difference in C from the champion is 0.010 (90% interval -0.020 to 0.040" in said
    assert "2 times, this one included" in said
    # Two rules on C and one on the slope in each of two arms, the readings, the conclusion.
    assert len(decision.reasons) == 2 * 3 + 2


def test_the_reason_of_a_figure_that_is_not_estimable_is_given():
    decision = decide(evidence(tace=changed(slope=NOT_ESTIMABLE)), SECTION, CHAMPION)
    assert any(
        reason == "TACE: the calibration slope is not estimable: 3 events, 10 are needed."
        for reason in decision.reasons
    )


def test_intervals_at_another_level_are_refused():
    with pytest.raises(UsageError, match=r"expected intervals at level 0\.9, came 0\.95"):
        decide(evidence(tace=changed(c=estimate(0.7, 0.6, 0.8, level=0.95))), SECTION, CHAMPION)


def test_records_are_json_and_back():
    decision = decide(evidence(), SECTION, CHAMPION)
    assert Decision.from_json(decision.to_json()) == decision
    assert Evidence.from_json(evidence().to_json()) == evidence()
    assert ChampionFacts.from_json(CHAMPION.to_json()) == CHAMPION


def test_models_whose_test_patients_took_part_in_a_choice_are_refused():
    why = "the test patients chose the backbone"
    decision = decide(evidence(not_independent=why, champion_version=None), SECTION, None)
    assert decision.verdict == "refused"
    assert why in decision.reasons


def test_a_signature_that_knows_only_the_arm_decides_nothing():
    why = "The network's scores tell the arms apart, not the patients."
    first = evidence(arm_only=why, champion_version=None)
    decision = decide(first, SECTION, None)

    assert decide(evidence(champion_version=None), SECTION, None).verdict == "promote"
    assert decision.verdict == "cannot decide"
    assert set(decision.by_arm.values()) == {"cannot decide"}
    assert any(why in reason for reason in decision.reasons)


def test_a_worse_model_stays_worse_whatever_its_network_knows():
    bad = GOOD.model_copy(
        update={"difference": estimate(-0.1, -0.15, -0.06), "slope": estimate(0.3, 0.2, 0.4)}
    )
    said = decide(evidence(bad, bad), SECTION, CHAMPION).verdict
    assert decide(evidence(bad, bad, arm_only="Only the arm."), SECTION, CHAMPION).verdict == said
