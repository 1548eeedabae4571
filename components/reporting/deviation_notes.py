"""What the profile `sound` does where a protocol does otherwise, said beside the figure it changes.

These are choices of the protocol, not adaptations: the run did as it was asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from components.reporting.blocks import Block, Bullets, Heading, Prose
from components.reporting.content import ReportContent
from components.reporting.wording import count_text
from components.study.protocol import Protocol

Place = Literal[
    "eligibility",
    "baseline",
    "label",
    "backbones",
    "signature",
    "predictors",
    "discrimination",
    "risk groups",
]


@dataclass(frozen=True)
class Departure:
    """A choice that `sound` makes otherwise.

    Attributes:
        place: The figure that it changes.
        applies: Whether a protocol makes this choice.
        option: Field and value in the protocol.
        done: What was done, and what that does to the figure.
        sound: What `sound` does instead.
    """

    place: Place
    applies: Callable[[Protocol], bool]
    option: str
    done: str
    sound: str

    @property
    def sentence(self) -> str:
        """Both sides, in words."""
        return f"{self.done} (protocol: {self.option}). The profile sound instead: {self.sound}."


_DEPARTURES = (
    Departure(
        place="eligibility",
        applies=lambda protocol: protocol.eligibility.require_complete_clinical_data,
        option="eligibility.require_complete_clinical_data: true",
        done="Patients with any empty clinical cell are excluded, which changes who is studied",
        sound="only who cannot be analyzed is left out, model by model, and counted",
    ),
    Departure(
        place="baseline",
        applies=lambda protocol: protocol.cohort.small_counts == "pearson",
        option="cohort.small_counts: pearson",
        done="Pearson's chi-square is used whatever the counts",
        sound="Fisher's exact test where a 2 x 2 table has an expected count below 5",
    ),
    Departure(
        place="baseline",
        applies=lambda protocol: protocol.cohort.observed_times,
        option="cohort.observed_times: true",
        done="Observed times, which mix deaths and censorings, are shown by their quartiles; "
        "their median is no median survival",
        sound="median survival by Kaplan-Meier with its interval, follow-up by its reverse",
    ),
    Departure(
        place="label",
        applies=lambda protocol: protocol.label.unknown == "drop",
        option="label.unknown: drop",
        done="Patients censored before the horizon are left out of training and of every figure "
        "of the networks, which changes who is studied",
        sound="they stay in every survival model, and patients with a label weigh 1/G, the inverse "
        "probability of not being censored",
    ),
    Departure(
        place="label",
        applies=lambda protocol: protocol.label.unknown == "naive",
        option="label.unknown: naive",
        done="Patients censored before the horizon are taught to the networks as high risk",
        sound="they teach nothing, and patients with a label weigh 1/G, the inverse probability of "
        "not being censored",
    ),
    Departure(
        place="backbones",
        applies=lambda protocol: protocol.backbone.selection == "test_accuracy",
        option="backbone.selection: test_accuracy",
        done="The backbone with the highest accuracy on the test patients was taken, so that no "
        "figure of the test patients is independent any more; the gate refuses the models",
        sound="the backbone is chosen out of fold in the training patients, within arms and by the "
        "one-standard-error rule, and the test patients are read once",
    ),
    Departure(
        place="signature",
        applies=lambda protocol: protocol.signature.strata == "none",
        option="signature.strata: none",
        done="Screen and penalty pool the arms: a feature that differs only between the arms can "
        "pass for one that tells the prognosis",
        sound="the arm is held apart in every likelihood, and figures stand within arms",
    ),
    Departure(
        place="signature",
        applies=lambda protocol: (
            protocol.signature.screen_p_value is not None
            and protocol.signature.screen_scope == "once"
        ),
        option="signature.screen_p_value",
        done="A univariate screen ran before, and so outside, the folds that choose the penalty",
        sound="no screen: the penalty alone selects, inside its folds",
    ),
    Departure(
        place="signature",
        applies=lambda protocol: protocol.signature.fit == "in_sample",
        option="signature.fit: in_sample",
        done="Training patients are scored by the network and the signature that were fitted on "
        "them: their C is apparent, and the models of the arms trust the score too much",
        sound="cross-fitted scores: each training patient is scored by a network, penalty and "
        "scale that have not seen that patient",
    ),
    Departure(
        place="predictors",
        applies=lambda protocol: protocol.clinical.method == "two_step",
        option="clinical.method: two_step",
        done="The clinical predictors were selected by p-values, univariate and then "
        "multivariable; coefficients and p-values after a selection are too good, and the sample "
        "size is judged by all candidates",
        sound="a set named beforehand, with a ridge penalty by cross-validation",
    ),
    Departure(
        place="predictors",
        applies=lambda protocol: protocol.clinical.imputation is None,
        option="clinical.imputation: null",
        done="Patients with an empty predictor are left out of the models, as if those who are "
        "complete were a random part of all",
        sound="empty predictors are imputed several times by chained equations, and the models "
        "pooled by Rubin's rules",
    ),
    Departure(
        place="discrimination",
        applies=lambda protocol: protocol.evaluation.truncated_c_days is not None,
        option="evaluation.truncated_c_days",
        done="Harrell's C is also given with follow-up cut off, the study's C-index at 1 year: "
        "it depends on the censoring and tells nothing of later deaths",
        sound="Harrell's C and Uno's C with its tau, and the AUC at each horizon, weighted for "
        "censoring",
    ),
    Departure(
        place="risk groups",
        applies=lambda protocol: protocol.evaluation.cutoff == "median_of_each_split",
        option="evaluation.cutoff: median_of_each_split",
        done="The test patients are cut at their own median: the groups of the two splits are not "
        "the same groups, and no new patient could be placed",
        sound="the training median, frozen as a part of the model",
    ),
)


_OF_NETWORKS: tuple[Place, ...] = ("label", "backbones")


def departures(
    protocol: Protocol, *, has_networks: bool = True, has_signature: bool = True
) -> tuple[Departure, ...]:
    """The choices of a protocol that `sound` makes otherwise, in the report's order.

    Without networks or signature the choices that would concern them changed nothing.
    """
    return tuple(
        one
        for one in _DEPARTURES
        if one.applies(protocol)
        and (has_networks or one.place not in _OF_NETWORKS)
        and (has_signature or one.place != "signature")
    )


def notes_beside(content: ReportContent, *places: Place) -> list[Block]:
    """What is to be said beside the figures of these places; nothing for a sound protocol."""
    found = [one for one in _departures_of(content) if one.place in places]
    return [Prose(one.sentence, tone="warning") for one in found]


def departures_blocks(content: ReportContent) -> list[Block]:
    """All of them as one list, for the section of deviations."""
    found = _departures_of(content)
    if not found:
        return []
    return [
        Heading("Choices of the protocol that the profile sound makes otherwise"),
        Bullets(tuple(one.sentence for one in found)),
    ]


def departures_line(found: Sequence[Departure]) -> str | None:
    """One line for a summary, None where there are no departures."""
    if not found:
        return None
    options = ", ".join(one.option.partition(":")[0] for one in found)
    return (
        f"{count_text(len(found), 'choice')} of the protocol that the profile sound makes "
        f"otherwise: {options}. The report says beside each figure what sound does."
    )


def _departures_of(content: ReportContent) -> tuple[Departure, ...]:
    return departures(
        content.protocol,
        has_networks=content.choice is not None,
        has_signature=content.signature is not None,
    )
