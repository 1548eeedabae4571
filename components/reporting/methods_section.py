"""What was done, in words, with the values that the protocol held."""

from components.reporting.blocks import Bullets, Heading, Prose, Section
from components.reporting.content import ReportContent
from components.reporting.methods_of_images import networks_said, radiomics_said
from components.reporting.wording import MODEL_PHRASES, days_text, number
from components.study.protocol import (
    ClinicalSection,
    EvaluationSection,
    ImputationSection,
    Protocol,
    SplitSection,
)
from components.study.vocabulary import ModelKind

_UNKNOWN = {
    "ipcw": "patients with a known label weigh 1/G (capped at {cap}), G the Kaplan-Meier estimate "
    "of censoring in the arm's training patients; unknown patients weigh nothing",
    "drop": "unknown patients are left out",
    "naive": "unknown patients count as high risk",
}
_FIRST = {
    False: "Everything is done arm by arm; the test patients take no part in any choice.",
    True: "The models are fitted arm by arm; the test patients chose the backbone.",
}
_SCORES = {
    "cross_fitted": "Cross-fitted: in each fold network, filter, penalty and scale are learned on "
    "the other patients; only the scalar score of the held-out patients is pooled, never a "
    "feature. The models of the arms are fitted on these scores; the deployed signature is the "
    "refit on all training patients.",
    "in_sample": "In-sample: the signature is fitted on all training patients, and the models of "
    "the arms on its scores of the same patients.",
}
_CUTOFFS = {
    "training_median": "Low and high risk by the training median of the linear predictor, frozen.",
    "median_of_each_split": "Low and high risk by each split's own median of the linear predictor.",
}
_ARMS = {"arm": "with the arm held apart", "none": "with the arms pooled"}


def methods_section(content: ReportContent) -> Section:
    """The methods as this run applied them."""
    protocol = content.protocol
    parts = {"Cohort and endpoint": _cohort(protocol)}
    if content.search is not None:
        parts["Images and networks"] = networks_said(content.protocol)
    if content.radiomics is not None and content.protocol.radiomics is not None:
        parts["Hand-crafted radiomics"] = radiomics_said(content.protocol.radiomics)
    if content.signature is not None:
        parts["Signature"] = _signature(protocol)
    parts["Models of an arm"] = _models(content)
    if content.decision is not None:
        parts["Promotion"] = _promotion(protocol)
    opening = Prose(
        f"Profile: {protocol.profile}. {_FIRST[protocol.backbone.selection == 'test_accuracy']} "
        "The complete protocol is at the end of this report."
    )
    told = [block for name, said in parts.items() for block in (Heading(name), Bullets(said))]
    return Section("methods", "Methods as run", (opening, *told))


def _cohort(protocol: Protocol) -> tuple[str, ...]:
    label = protocol.label
    unknown = _UNKNOWN[label.unknown].format(cap=number(label.weight_cap))
    horizon = days_text(label.horizon_days)
    return (
        f"Endpoint: {protocol.study.endpoint}, from first treatment to death of any cause or last "
        "follow-up. Follow-up by reverse Kaplan-Meier.",
        "Checks of the table and of the images set single patients aside; eligibility rules "
        "follow in a fixed order and each excluded patient keeps the first rule not met.",
        f"{_split(protocol.split)} Settled once and versioned with the data: nobody moves.",
        f"Risk label: high is dead by {horizon}, low is followed beyond; {unknown}.",
        f"Missing predictors: {_missing(protocol.clinical.imputation)}.",
    )


def _split(section: SplitSection) -> str:
    """Who trains and who tests."""
    if section.by == "center":
        return (
            f"Split by center: the patients of {', '.join(section.test_centers)} test, those of "
            "all other centers train; test figures are those of centers that no model has seen."
        )
    if section.by == "quarter":
        return (
            f"Split by time: patients treated from {section.first_test_quarter} on test, those "
            "treated before train; test figures are those of later patients."
        )
    return "Split into training and test at random, stratified by arm, event and center."


def _missing(section: ImputationSection | None) -> str:
    """What becomes of patients with empty cells."""
    if section is None:
        return "a model uses the patients who are complete in its predictors; the others are named"
    return (
        f"imputed {section.imputations} times by chained equations of {section.iterations} rounds, "
        "learned from the arm's training patients; fits are pooled by Rubin's rules, and patients "
        "to be scored are imputed without their outcome"
    )


_SCREENS = {
    "each_fold": "anew in each fold of the penalty's cross-validation",
    "once": "before the penalty's cross-validation",
}


def _signature(protocol: Protocol) -> tuple[str, ...]:
    section = protocol.signature
    screen = (
        f"then a univariate Cox screen at p < {section.screen_p_value:g}, "
        f"{_SCREENS[section.screen_scope]}"
        if section.screen_p_value is not None
        else "no univariate screen"
    )
    return (
        f"Constant features and one of each pair with |r| > {section.maximum_correlation:g} are "
        f"dropped, {screen}; then elastic-net Cox (l1 ratio {section.l1_ratio:g}) "
        f"{_ARMS[section.strata]}, penalty by {section.cv_folds}-fold cross-validation repeated "
        f"{section.cv_repeats} times ({section.rule}).",
        _SCORES[section.fit],
    )


def _models(content: ReportContent) -> tuple[str, ...]:
    protocol = content.protocol
    sets = "; ".join(
        f"{arm.label}: {', '.join(protocol.clinical.predictors[arm])}"
        for arm in protocol.study.arms
    )
    evaluation = protocol.evaluation
    return (
        f"{_predictors(protocol.clinical)}. {sets}.",
        *_splines(protocol.clinical),
        f"Cox models with Efron ties: {_kinds(content)}; {_penalty(protocol.clinical)}.",
        "A figure at a horizon is reported only with at least "
        f"{evaluation.minimum_events_before} deaths before and {evaluation.minimum_at_risk_after} "
        "patients at risk after it in the arm; else it is not estimable.",
        _judged(evaluation) + _compared(content),
        _CUTOFFS[evaluation.cutoff],
        "Nomogram: points proportional to the linear predictor, the longest axis spans "
        f"{protocol.nomogram.maximum_points:g} points; survival is S0(t)^exp(lp) with the Efron "
        "baseline, equal to the Cox model's to 1e-9; nothing is extrapolated.",
    )


def _judged(section: EvaluationSection) -> str:
    """What says how good a model is."""
    incident = ", incident/dynamic AUC" if section.incident_dynamic else ""
    benefit = ""
    if section.decision_thresholds is not None:
        low, high = section.decision_thresholds
        benefit = f"; net benefit at thresholds of {100 * low:g}% to {100 * high:g}%"
    return (
        "How good: Harrell's C, Uno's C up to the arm's last estimable horizon, cumulative/dynamic "
        f"AUC{incident}, Brier score, its gain on Kaplan-Meier (IPA) and its mean over time, "
        "weighted for censoring; calibration slope, in the large, observed / expected and a smooth "
        f"curve{benefit}."
    )


def _fitted(content: ReportContent) -> set[ModelKind]:
    return {kind for arm in content.arms for kind in arm.models}


def _kinds(content: ReportContent) -> str:
    """The models that the run fitted."""
    signature = "signature alone (DLRadiomics)"
    named = {**MODEL_PHRASES, ModelKind.DLRADIOMICS: signature}
    return ", ".join(name for kind, name in named.items() if kind in _fitted(content))


def _compared(content: ReportContent) -> str:
    if ModelKind.COMBINED not in _fitted(content):
        return ""
    return " The combined model is compared with the others in the same patients."


def _splines(section: ClinicalSection) -> tuple[str, ...]:
    if not section.splines:
        return ()
    bent = ", ".join(f"{name} ({knots} knots)" for name, knots in section.splines.items())
    return (f"Restricted cubic splines: {bent}.",)


def _predictors(section: ClinicalSection) -> str:
    steps = section.two_step
    if section.method == "backward_aic":
        return "Clinical predictors by backward elimination in each arm, AIC. Candidates"
    if steps is None:
        return "Clinical predictors set beforehand"
    beside = "kept" if steps.combined == "keep" else "selected again by the same p"
    return (
        f"Clinical predictors selected in each arm: univariate p < {steps.univariate_p_value:g}, "
        f"then p < {steps.multivariable_p_value:g} in one multivariable model; beside the "
        f"signature they are {beside}. Candidates"
    )


def _penalty(section: ClinicalSection) -> str:
    if section.method != "ridge":
        return "unpenalized"
    return f"ridge penalty by {section.cv_folds}-fold cross-validated partial likelihood"


def _promotion(protocol: Protocol) -> tuple[str, ...]:
    gate = protocol.promotion
    low, high = gate.slope_range
    return (
        f"Intervals at {100 * gate.interval_level:g}%, test patients, Uno's C within the arm.",
        f"First model: lower limit of C above {gate.first_minimum_c_lower:g}. Later: difference in "
        f"C above {number(gate.challenger_minimum_difference)}, its lower limit above "
        f"{number(gate.challenger_minimum_difference_lower)}, against the champion and the first "
        "approved model.",
        f"Always: calibration slope between {low:g} and {high:g}, its interval meeting "
        f"{gate.slope_interval_meets[0]:g} to {gate.slope_interval_meets[1]:g}.",
        "All arms go together or not at all; anything else leaves the champion in place.",
    )
