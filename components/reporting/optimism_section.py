"""What is left of the apparent figures once their optimism is taken off."""

from components.arms.optimism_records import CorrectedFigure, Optimism
from components.arms.whole_path import IMPUTATIONS_A_RESAMPLE
from components.reporting.blocks import Block, Bullets, Heading, Prose, Rows, Section
from components.reporting.html_table import Table, table
from components.reporting.wording import (
    ABSENT,
    MODEL_NAMES,
    MODEL_PHRASES,
    count_text,
    estimate_text,
    estimator_text,
)
from components.study.results import Estimate
from components.study.vocabulary import TreatmentArm

_TITLE = "Optimism"
_NOT_ASKED = (
    "The protocol asks for no resamples (evaluation.optimism_resamples), so the apparent figures "
    "of the training patients are not corrected for their optimism."
)
_COLUMNS = ("Figure", "Apparent", "Optimism", "Corrected", ".632+")


def optimism_section(optimism: Optimism | None) -> Section:
    """The corrected C of the nomograms in a sentence each, then every figure of every model."""
    if optimism is None:
        return Section("optimism", _TITLE, (Prose(_NOT_ASKED),))
    arms = dict.fromkeys(one.arm for one in optimism.figures)
    blocks: list[Block] = [Prose(_first(optimism, arm), tone="key") for arm in arms]
    for arm in arms:
        blocks += [Heading(arm.label), Rows(_arm_table(optimism, arm))]
    return Section("optimism", _TITLE, (*blocks, Bullets(_how_to_read(optimism))))


def _first(optimism: Optimism, arm: TreatmentArm) -> str:
    kind = optimism.nomogram_kinds[arm]
    one = next(
        figure
        for figure in optimism.figures
        if (figure.arm, figure.kind, figure.estimator) == (arm, kind, "c_harrell")
    )
    condition = f", {optimism.label}" if optimism.label else ""
    return (
        f"{arm.label}, {MODEL_PHRASES[kind]} model: Harrell's C {estimate_text(one.apparent)} in "
        f"its own patients, {estimate_text(one.corrected)} corrected for optimism{condition}."
    )


def _arm_table(optimism: Optimism, arm: TreatmentArm) -> Table:
    figures = [one for one in optimism.figures if one.arm is arm]
    rows: list[tuple[str, ...]] = []
    for kind in dict.fromkeys(one.kind for one in figures):
        rows.append((f"{MODEL_NAMES[kind]} model",))
        rows += [_row(one) for one in figures if one.kind is kind]
    return table(
        f"{arm.label}: apparent figures, their optimism, and what is left",
        _COLUMNS,
        rows,
        notes=_few(figures, optimism.n_resamples),
    )


def _row(figure: CorrectedFigure) -> tuple[str, ...]:
    plus = figure.plus_632
    return (
        estimator_text(figure.estimator),
        _bare(figure.apparent),
        _bare(figure.optimism),
        estimate_text(figure.corrected),
        ABSENT if plus is None else estimate_text(plus),
    )


def _bare(estimate: Estimate) -> str:
    if estimate.value is None:
        return ABSENT
    return f"{estimate.value:.3f}".replace("-", "\u2212")


def _few(figures: list[CorrectedFigure], n_resamples: int) -> list[str]:
    """Which figures not all resamples gave."""
    few = [one for one in figures if one.n_resamples < n_resamples]
    return [
        f"{MODEL_NAMES[one.kind]}, {estimator_text(one.estimator)}: from {one.n_resamples} of "
        f"{n_resamples} resamples."
        for one in few
    ]


def _how_to_read(optimism: Optimism) -> tuple[str, ...]:
    path = (
        "correlation filter, screen, LASSO with its penalty, standardized score and the Cox models "
        "of the arms, the features as they are given"
        if optimism.has_signature
        else "the Cox models of the arms with their penalties or selections"
    )
    conditional = (
        "Conditional on the network: the features are taken as given. Had the network that made "
        "them learned from these patients' outcomes, these figures would still be too good; of the "
        "whole path speak nested cross-validation and the test patients.",
        f"In {count_text(optimism.n_null, 'resample')} of {optimism.n_resamples} the signature was "
        "null; a model without a predictor counts a C of 0.5 and has no calibration slope.",
    )
    failures = tuple(
        f"{count_text(count, 'resample')} gave no model: {reason}."
        for reason, count in optimism.failures.items()
    )
    return (
        f"{optimism.n_resamples} bootstrap resamples of patients within their arm. In each all of "
        f"this is done anew: {path}; copies of a patient never part into two folds. A resample "
        "draws the folds of the signature's penalty once and imputes missing predictors "
        f"{IMPUTATIONS_A_RESAMPLE} times, however often the models themselves do: the mean over "
        "the resamples is steady all the same. Optimism is the mean of the figure in the resample "
        "minus that in all patients (Harrell 1996).",
        *(conditional if optimism.has_signature else ()),
        *failures,
        "The corrected calibration slope is the shrinkage that new patients' predictions are "
        "expected to need; below 1 they are too extreme.",
        ".632+ (Efron and Tibshirani 1997) judges each resample's models in the patients that it "
        "left out; the more a model remembers its patients, the more it is to be preferred.",
        "Intervals: normal, about the corrected figure, by the SD over the resamples (location-"
        "shifted, Noma et al. 2021, 10.1002/sim.9148).",
    )
