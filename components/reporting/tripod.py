"""Which items of TRIPOD+AI a report answers, and where; what it cannot know is said to be open.

Items and their numbers: Collins et al. 2024, BMJ 385:e078378, 10.1136/bmj-2023-078378; the wording
is ours and shorter.
"""

from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """How far the report answers an item."""

    YES = "yes"
    PARTLY = "partly"
    NO = "no"


@dataclass(frozen=True)
class TripodItem:
    """An item of the checklist, the section of the report that answers it, and what is missing."""

    number: str
    asks: str
    answer: Answer
    section: str | None = None
    remark: str = ""


def _yes(number: str, asks: str, section: str, remark: str = "") -> TripodItem:
    return TripodItem(number, asks, Answer.YES, section, remark)


def _partly(number: str, asks: str, section: str, remark: str) -> TripodItem:
    return TripodItem(number, asks, Answer.PARTLY, section, remark)


def _no(number: str, asks: str, remark: str) -> TripodItem:
    return TripodItem(number, asks, Answer.NO, None, remark)


TRIPOD_ITEMS: tuple[TripodItem, ...] = (
    _yes("1", "Title names the study, the target population and the outcome", "summary"),
    _no("2", "Abstract by the TRIPOD+AI list for abstracts", "To be written by the authors."),
    _no("3a", "Healthcare context, rationale, existing models", "To be written by the authors."),
    _partly("3b", "Target population, intended purpose, users", "models", "In the model cards."),
    _no("3c", "Known health inequalities", "To be written by the authors."),
    _yes("4", "Objectives: development, evaluation or both", "summary"),
    _partly("5a", "Sources of the data", "provenance", "Version and origin; not how it was drawn."),
    _no("5b", "Dates of accrual and of follow-up", "Data are kept as intervals without dates."),
    _partly("6a", "Setting, number of centers", "cohort", "As far as the table holds centers."),
    _yes("6b", "Eligibility criteria", "cohort"),
    _partly("6c", "Treatments received", "cohort", "First treatment; later ones are not modeled."),
    _yes("7", "Preparation and quality checks of the data", "methods"),
    _yes("8a", "Outcome and time horizon", "methods"),
    _no("8b", "Outcome assessors", "Death of any cause; assessors are not recorded."),
    _no("8c", "Blinding of the outcome's assessment", "Not recorded."),
    _yes("9a", "Choice of the initial predictors", "methods"),
    _partly("9b", "Definition of each predictor", "models", "Units and coding; not how measured."),
    _partly("9c", "Predictors that need judgment", "methods", "One ROI; readers not described."),
    _partly("10", "Sample size", "arms", "Events per parameter, shrinkage."),
    _yes("11", "Missing data", "cohort"),
    _yes("12a", "Use of the data: development and evaluation", "methods"),
    _yes("12b", "Handling of the predictors", "methods"),
    _yes("12c", "Type of model, building steps, tuning, internal validation", "methods"),
    _no("12d", "Heterogeneity across clusters", "Centers are not compared yet."),
    _partly(
        "12e", "Measures of performance", "arms", "Discrimination, calibration, Brier, net benefit."
    ),
    _no("12f", "Model updating after evaluation", "None is done."),
    _yes("12g", "How predictions were calculated", "methods"),
    _yes("13", "Class imbalance", "methods", "No resampling; weights for censoring only."),
    _no("14", "Approaches to fairness", "None is used; subgroups are judged, not balanced."),
    _yes("15", "Output of the model; thresholds", "methods"),
    _partly("16", "Differences between development and evaluation data", "cohort", "One cohort."),
    _yes("17", "Ethical approval", "declarations", "As stated in the protocol."),
    _yes("18a", "Funding", "declarations", "As stated in the protocol."),
    _no("18b", "Conflicts of interest", "To be stated by the authors."),
    _yes("18c", "Protocol", "protocol"),
    _no("18d", "Registration", "To be stated by the authors."),
    _yes("18e", "Data sharing", "declarations"),
    _yes("18f", "Code sharing", "provenance"),
    _no("19", "Patient and public involvement", "To be stated by the authors."),
    _yes("20a", "Flow of participants, outcomes, follow-up", "cohort"),
    _yes("20b", "Characteristics and missing data", "cohort"),
    _yes("20c", "Development and evaluation data compared", "cohort"),
    _yes("21", "Participants and events in each analysis", "arms"),
    _yes("22", "The full model, for predictions in new patients", "models"),
    _partly("23a", "Performance with intervals", "arms", "Not by subgroup."),
    _no("23b", "Heterogeneity of performance across clusters", "Not examined."),
    _no("24", "Results of model updating", "None was done."),
    _partly("25", "Interpretation, fairness", "summary", "The verdicts only."),
    _yes("26", "Limitations", "limitations"),
    _partly("27a", "Poor or missing input when used", "models", "Refused, with the column named."),
    _partly("27b", "Users' interaction and expertise", "models", "The ROI is drawn by a reader."),
    _no("27c", "Next steps of research", "To be written by the authors."),
)
"""The 27 items and their parts."""
