"""Evidence in, decision out. All arms of a retraining go together or not at all."""

from components.errors import UsageError
from components.promotion.records import (
    ArmEvidence,
    ChampionFacts,
    Decision,
    Evidence,
    Finding,
    Verdict,
)
from components.promotion.rules import calibration, difference, discrimination
from components.study.protocol import PromotionSection
from components.study.vocabulary import SignatureState, TreatmentArm

_GRAVEST_FIRST: tuple[Verdict, ...] = ("refused", "worse", "cannot decide", "promote")

_SUMMARY: dict[Verdict, str] = {
    "promote": "Every rule is met in every arm: the challenger becomes the champion.",
    "cannot decide": "The evidence does not decide for the challenger in every arm: {stays}.",
    "worse": "The challenger is worse in at least one arm: {stays}.",
    "refused": "The challenger is not compared: {stays}.",
}

_ARM_ONLY = "A nomogram with a signature of such a network is not promoted by the gate."


def decide(
    evidence: Evidence, section: PromotionSection, champion: ChampionFacts | None
) -> Decision:
    """Whether the challenger becomes the champion, and why.

    Without a champion each arm needs a C above chance and a sound calibration slope. Against a
    champion each arm needs a difference in C within the margins, from the champion and from the
    first model ever approved (so that margins do not creep), and a sound slope. A challenger of
    another study, or of another data origin, or whose test patients took part in making it, is
    refused. A signature of a network whose scores tell only the arms apart
    decides nothing: its figures within the arms are then those of the clinical predictors.

    Raises:
        UsageError: An interval is not at the protocol's level.
    """
    _check_levels(evidence, section)
    opening = _opening(evidence)
    refusals = [evidence.not_independent] if evidence.not_independent else []
    refusals += _refusals(evidence, champion) if champion else []
    if refusals:
        by_arm: dict[TreatmentArm, Verdict] = dict.fromkeys(evidence.arms, "refused")
        return _decision(evidence, champion, by_arm, [*opening, *refusals])
    findings = {
        arm: _judge(arm, one, section, champion) for arm, one in sorted(evidence.arms.items())
    }
    by_arm = {arm: _gravest([one.verdict for one in of]) for arm, of in findings.items()}
    if evidence.arm_only is not None and evidence.signature is SignatureState.FITTED:
        opening.append(f"{evidence.arm_only} {_ARM_ONLY}")
        by_arm = {arm: _gravest([one, "cannot decide"]) for arm, one in by_arm.items()}
    reasons = [one.reason for of in findings.values() for one in of]
    return _decision(evidence, champion, by_arm, [*opening, *reasons])


def _judge(
    arm: TreatmentArm,
    evidence: ArmEvidence,
    section: PromotionSection,
    champion: ChampionFacts | None,
) -> list[Finding]:
    slope = calibration(arm, evidence.slope, section)
    if champion is None:
        return [discrimination(arm, evidence.c, section), slope]
    findings = [difference(arm, evidence.difference, section, rival="champion")]
    if not champion.is_first:
        findings.append(
            difference(
                arm, evidence.difference_to_first, section, rival="first model that was approved"
            )
        )
    return [*findings, slope]


def _refusals(evidence: Evidence, champion: ChampionFacts) -> list[str]:
    reasons = []
    if evidence.study_id != champion.study_id:
        reasons.append(
            f"The challenger belongs to study '{evidence.study_id}', the champion to "
            f"'{champion.study_id}': models of two studies do not replace each other."
        )
    if evidence.data_origin != champion.data_origin:
        reasons.append(
            f"The challenger was fitted on {evidence.data_origin.value} data, the champion on "
            f"{champion.data_origin.value} data: the two never stand beside each other."
        )
    missing = sorted(arm.label for arm in set(champion.nomogram_versions) - set(evidence.arms))
    if missing:
        reasons.append(
            f"The champion serves {' and '.join(missing)}, for which the challenger has no "
            "nomogram: all arms go together or not at all."
        )
    if not reasons and evidence.champion_version != champion.recommender_version:
        compared = evidence.champion_version or "no champion"
        reasons.append(
            f"The evidence compares with {compared}, but the champion is version "
            f"{champion.recommender_version}: compare again."
        )
    return reasons


def _opening(evidence: Evidence) -> list[str]:
    times = "time" if evidence.n_test_readings == 1 else "times"
    reasons = [
        "Decisions of this study have read these test patients "
        f"{evidence.n_test_readings} {times}, this one included."
    ]
    if evidence.signature is SignatureState.NULL:
        reasons.insert(
            0,
            "The signature is null: the clinical nomogram of each arm is judged, and the "
            "signature is not promoted.",
        )
    return reasons


def _decision(
    evidence: Evidence,
    champion: ChampionFacts | None,
    by_arm: dict[TreatmentArm, Verdict],
    reasons: list[str],
) -> Decision:
    verdict = _gravest(list(by_arm.values()))
    stays = "the champion stays" if champion else "there is still no champion"
    return Decision(
        verdict=verdict,
        reasons=(*reasons, _SUMMARY[verdict].format(stays=stays)),
        by_arm=by_arm,
        promotes_signature=verdict == "promote" and evidence.signature is SignatureState.FITTED,
    )


def _gravest(verdicts: list[Verdict]) -> Verdict:
    return min(verdicts, key=_GRAVEST_FIRST.index)


def _check_levels(evidence: Evidence, section: PromotionSection) -> None:
    for arm, one in evidence.arms.items():
        figures = (one.c, one.slope, one.difference, one.difference_to_first)
        wrong = [
            e.level
            for e in figures
            if e and e.value is not None and e.level != section.interval_level
        ]
        if wrong:
            msg = (
                f"arm '{arm.value}': expected intervals at level {section.interval_level:g}, "
                f"came {wrong[0]:g}"
            )
            raise UsageError(msg)
