"""Tables of how good an arm's models are: figures, differences, calibration, net benefit."""

from collections.abc import Iterable, Sequence

from components.arms.records import (
    ArmModels,
    CalibrationAtHorizon,
    DecisionCurveAtHorizon,
    ModelDifference,
    ModelEvaluation,
)
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.wording import (
    ABSENT,
    MODEL_NAMES,
    MODEL_PHRASES,
    SPLIT_NAMES,
    days_text,
    estimator_text,
    number,
    p_text,
)
from components.study.vocabulary import ModelKind, Split

_SHORT = {Split.TRAIN: "apparent", Split.TEST: "test"}
_SMALL_P = 0.05
_PARTS = {
    "Order of risk": ("c_harrell", "c_uno", "auc_cd", "auc_id"),
    "Error of prediction": ("brier", "ipa", "ibs"),
    "Calibration": ("cal_slope", "cal_intercept", "oe", "ici"),
}
"""The figures shown, under their headings; `cal_log_oe` is `oe` on another scale."""

_IDEAL = (
    "Ideal: C, AUC and accuracy of prediction 1, Brier scores and distances 0, calibration slope 1 "
    "(below 1 predictions are too extreme), calibration in the large 0, observed / expected 1."
)


def performance_table(arm: ArmModels) -> Table:
    """Every figure of the arm's models, training (apparent) and test."""
    pairs = [(kind, split) for kind in arm.kinds for split in Split]
    by_pair = {(one.kind, one.split): one for one in arm.evaluations}
    keys = list(dict.fromkeys(key for one in arm.evaluations for key in one.estimates))
    footnotes = Footnotes()
    rows: list[tuple[str, ...]] = []
    for heading, estimators in _PARTS.items():
        rows.append((heading,))
        rows += [
            (
                estimator_text(key),
                *(
                    footnotes.cell(by_pair[pair].estimates.get(key) if pair in by_pair else None)
                    for pair in pairs
                ),
            )
            for key in keys
            if _estimator(key) in estimators
        ]
    columns = ("", *(f"{MODEL_NAMES[kind]}, {_SHORT[split]}" for kind, split in pairs))
    notes = [*footnotes.lines(), _IDEAL, _methods(arm.evaluations)]
    return table(f"{arm.arm.label}: figures with intervals", columns, rows, notes=notes)


def _estimator(key: str) -> str:
    """The estimator of a figure's key, without its horizon."""
    name, _, horizon = key.rpartition("_")
    return name if horizon.endswith("d") and horizon[:-1].isdigit() else key


def _methods(evaluations: Iterable[ModelEvaluation]) -> str:
    """Each figure's methods, two where the parts differ in one, and the levels of the intervals."""
    methods: dict[str, list[str]] = {}
    levels: set[float] = set()
    for one in evaluations:
        for key, estimate in one.estimates.items():
            if estimate.value is None or _estimator(key) == "cal_log_oe":
                continue
            levels.add(100 * estimate.level)
            said = methods.setdefault(estimator_text(key).partition(" at ")[0], [])
            if estimate.method not in said:
                said.append(estimate.method)
    lines = "; ".join(f"{name}: {' / '.join(how)}" for name, how in methods.items())
    at = " and ".join(f"{level:g}%" for level in sorted(levels))
    return f"Methods: {lines}. Intervals at {at}." if methods else "No figure is estimable."


def differences_table(arm: ArmModels) -> Table:
    """Paired differences between the arm's models in the same patients, with their tests."""
    found = {(one.reference, one.estimator, one.split): one for one in arm.differences}
    footnotes = Footnotes()
    rows: list[tuple[str, ...]] = []
    for reference in dict.fromkeys(one.reference for one in arm.differences):
        kind = next(one.kind for one in arm.differences if one.reference is reference)
        rows.append((f"{MODEL_NAMES[kind]} minus {MODEL_PHRASES[reference]}",))
        rows += [
            (
                estimator_text(estimator),
                *(
                    cell
                    for split in Split
                    for cell in _difference_cells(
                        found.get((reference, estimator, split)), footnotes
                    )
                ),
            )
            for estimator in dict.fromkeys(
                one.estimator for one in arm.differences if one.reference is reference
            )
        ]
    columns = ("Figure", *(c for split in Split for c in (SPLIT_NAMES[split], "p")))
    notes = [
        "Above 0 the combined model has the better C or AUC; below 0 the better Brier score. "
        "p: two-sided Wald test of no difference, paired by patient, not adjusted for their "
        "number. Apparent p-values are too small: the combined model was fitted on these patients.",
        *footnotes.lines(),
    ]
    caption = f"{arm.arm.label}: differences between the models (95% interval)"
    return table(caption, columns, rows, notes=notes)


def _difference_cells(one: ModelDifference | None, footnotes: Footnotes) -> tuple[str, str]:
    if one is None:
        return ABSENT, ABSENT
    return footnotes.cell(one.estimate), p_text(one.p_value) or ABSENT


def calibration_table(parts: Sequence[CalibrationAtHorizon], caption: str) -> Table:
    """How far observed lies from predicted risk, on the smooth curve."""
    footnotes = Footnotes()
    rows = [
        (
            f"{days_text(part.horizon_days).capitalize()}, {_SHORT[part.split]}",
            *(footnotes.cell(one) for one in (part.curve.ici, part.curve.e50, part.curve.e90)),
        )
        for part in parts
        if part.curve is not None
    ]
    columns = ("Horizon", "Mean (ICI)", "Median (E50)", "90% quantile (E90)")
    notes = [
        "Distance between the risk of death predicted and the one observed, over the patients, "
        "with intervals of bootstrap percentiles. Near 0 these lean to larger distances.",
        *footnotes.lines(),
    ]
    return table(caption, columns, rows, notes=notes)


def net_benefit_table(curves: Sequence[DecisionCurveAtHorizon], caption: str) -> Table:
    """Net benefit per 100 patients at every tenth of the thresholds."""
    kinds = [kind for kind in ModelKind if any(kind in one.models for one in curves)]
    rows: list[tuple[str, ...]] = []
    for one in curves:
        rows.append((f"Risk of death by {days_text(one.horizon_days)}",))
        for index, threshold in enumerate(one.thresholds):
            if round(threshold * 100, 6) % 10 == 0:
                benefits = [one.models[kind][index] for kind in kinds]
                rows.append(
                    (
                        f"{100 * threshold:.0f}%",
                        *(_per_hundred(value) for value in (*benefits, one.treat_all[index])),
                    )
                )
    columns = ("Threshold", *(MODEL_NAMES[kind] for kind in kinds), "Acting for all")
    notes = [
        "Net benefit: true positives in 100 patients, less false positives weighed by the odds of "
        "the threshold. Acting for nobody has 0. "
        f"{ABSENT}: those above the threshold are not followed so long."
    ]
    return table(caption, columns, rows, notes=notes)


def _per_hundred(value: float | None) -> str:
    # Rounded first: a net benefit just below 0 is 0, not minus 0.
    return ABSENT if value is None else f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "\u2212")


def hazard_table(arm: ArmModels) -> Table:
    """The tests of proportional hazards of the arm's models."""
    rows: list[tuple[str, ...]] = []
    marked: list[int] = []
    for one in arm.hazard_tests:
        rows.append((f"{MODEL_NAMES[one.kind]} model",))
        for term in (*one.terms, one.all_terms):
            if term.p < _SMALL_P:
                marked.append(len(rows))
            rows.append((term.term, number(term.chi_square, 3), str(term.df), p_text(term.p)))
    notes = [
        "Score tests as R's cox.zph (Grambsch and Therneau 1994, doi 10.1093/biomet/81.3.515), "
        "time on the Kaplan-Meier scale, training patients. A small p says that the predictor's "
        "effect changes with time since treatment (marked below 0.05); with few deaths a large "
        "one says little.",
    ]
    n_tables = max((one.n_tables for one in arm.hazard_tests), default=1)
    if n_tables > 1:
        notes.append(f"Medians over {n_tables} imputed tables where a predictor was imputed.")
    caption = f"{arm.arm.label}: are the hazards proportional?"
    columns = ("Predictor", "Chi-square", "Degrees of freedom", "p")
    return table(caption, columns, rows, notes=notes, marked_rows=marked)
