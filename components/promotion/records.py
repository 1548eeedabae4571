"""What the gate reads and what it answers."""

from typing import Literal, Self

from pydantic import Field, model_validator

from components.study.results import Estimate, Record
from components.study.vocabulary import DataOrigin, ModelKind, SignatureState, TreatmentArm

Verdict = Literal["promote", "cannot decide", "worse", "refused"]


class ArmEvidence(Record):
    """What is known of a challenger's nomogram in one arm, from patients it was not fitted on.

    `c` is Uno's C at the arm's fixed tau, `slope` the calibration slope, `difference` the
    challenger's C minus the champion's on the same patients, `difference_to_first` the same
    against the first model that was ever approved. All intervals are at the protocol's level.
    """

    model_kind: ModelKind
    c: Estimate
    slope: Estimate
    difference: Estimate | None = None
    difference_to_first: Estimate | None = None


class Evidence(Record):
    """Everything that a promotion is decided on.

    `n_test_readings` says how often decisions have read these test patients, this one included.
    `not_independent` says why the test patients are no test of this challenger, None where they
    are; `arm_only` why the signature's scores tell only the arms apart, None where that is not so.
    `champion_version` is the recommender that the differences compare with, None for a first.
    """

    study_id: str
    data_origin: DataOrigin
    arms: dict[TreatmentArm, ArmEvidence] = Field(min_length=1)
    signature: SignatureState
    n_test_readings: int = Field(ge=1)
    not_independent: str | None = None
    arm_only: str | None = None
    challenger_version: str | None = None
    champion_version: str | None = None

    @model_validator(mode="after")
    def _only_a_fitted_signature_is_judged(self) -> Self:
        others = [arm for arm, one in self.arms.items() if one.model_kind != ModelKind.CLINICAL]
        if self.signature is not SignatureState.FITTED and others:
            msg = (
                f"the signature is {self.signature.value}: expected the clinical model as evidence "
                f"in each arm, came another in {', '.join(arm.value for arm in others)}"
            )
            raise ValueError(msg)
        return self


class ChampionFacts(Record):
    """What `armwise-recommender@champion` points to: the one pointer that a service reads.

    `approved_by` is "gate" or the name of the person who approved it.
    """

    recommender_version: str
    study_id: str
    data_origin: DataOrigin
    nomogram_versions: dict[TreatmentArm, str] = Field(min_length=1)
    backbone_version: str | None
    data_version: str
    first_approved_version: str
    approved_by: str = "gate"

    @property
    def is_first(self) -> bool:
        """Whether no other model was ever approved in this study."""
        return self.recommender_version == self.first_approved_version


class Finding(Record):
    """One rule applied to one arm: what it says and the sentence that says it."""

    verdict: Verdict
    reason: str


class Decision(Record):
    """The gate's answer; the champion stays unless `verdict` is "promote"."""

    verdict: Verdict
    reasons: tuple[str, ...]
    by_arm: dict[TreatmentArm, Verdict]
    promotes_signature: bool

    @property
    def is_promoted(self) -> bool:
        """Whether the challenger becomes the champion, in all arms together."""
        return self.verdict == "promote"
