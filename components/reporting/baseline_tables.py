"""Tables of the baselines: pooled beside the arm alone, each arm's models beside its baselines."""

from collections.abc import Mapping, Sequence

from components.arms.baseline_records import (
    ArmBaselines,
    BaselineDifference,
    BaselineKind,
    PooledModel,
)
from components.arms.records import ArmModels
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.wording import (
    ABSENT,
    MODEL_NAMES,
    SPLIT_NAMES,
    days_text,
    estimator_text,
    p_text,
)
from components.study.results import Estimate
from components.study.vocabulary import ModelKind, Split

BASELINE_NAMES = {
    BaselineKind.STAGE: "Stage only",
    BaselineKind.RADIOMICS: "Radiomics",
    BaselineKind.CLINICAL_RADIOMICS: "Clinical + radiomics",
}
BASELINE_PHRASES = {
    BaselineKind.STAGE: "stage alone",
    BaselineKind.RADIOMICS: "radiomics alone",
    BaselineKind.CLINICAL_RADIOMICS: "clinical predictors and radiomics",
}
_POOLED_NAMES = {"arm_only": "The arm alone"} | {
    kind.value: name for kind, name in MODEL_NAMES.items()
}
_SHOWN = ("c_harrell", "c_uno", "auc_cd", "brier", "cal_slope")
_REGRESSED = ("auc_cd", "accuracy", "sensitivity", "specificity")
_REGRESSED_NAMES = ("AUC", "Accuracy", "Sensitivity", "Specificity")


def pooled_table(pooled: Sequence[PooledModel], arms: Sequence[ArmModels], split: Split) -> Table:
    """Each model pooled, its difference from the arm alone, and its figures within the arms."""
    own = [one for one in pooled if one.split is split]
    footnotes = Footnotes()
    keys = list(dict.fromkeys(key for one in own for key in one.estimates))
    rows: list[tuple[str, ...]] = []
    for one in own:
        rows.append((_POOLED_NAMES[one.model], *_cells(one.estimates, keys, footnotes)))
        if one.minus_arm_only:
            tested = [
                _tested(one.minus_arm_only.get(k), one.p_values.get(k), footnotes) for k in keys
            ]
            rows.append(("\u2013 minus the arm alone", *tested))
        if one.model != "arm_only":
            kind = ModelKind(one.model)
            for arm in arms:
                within = arm.evaluation(kind, split).estimates
                rows.append((f"\u2013 within {arm.arm.label}", *_cells(within, keys, footnotes)))
    heads = [estimator_text(key) for key in keys]
    caption = f"{SPLIT_NAMES[split]}: pooled over the arms (interval; p of the difference)"
    marked = [at for at, row in enumerate(rows) if row[0] == _POOLED_NAMES["arm_only"]]
    notes = ["Marked: what the arm alone tells, without any model.", *footnotes.lines()]
    return table(caption, ["Model", *heads], rows, marked_rows=marked, notes=notes)


def baseline_table(arm: ArmBaselines, models: ArmModels, split: Split) -> Table:
    """The baselines of an arm above its models."""
    found = {BASELINE_NAMES[one.kind]: one.estimates[split] for one in arm.models}
    found |= {MODEL_NAMES[kind]: models.evaluation(kind, split).estimates for kind in models.kinds}
    keys = [
        key
        for name in _SHOWN
        for key in dict.fromkeys(key for estimates in found.values() for key in estimates)
        if key == name or _without_horizon(key) == name
    ]
    footnotes = Footnotes()
    rows = [(name, *_cells(estimates, keys, footnotes)) for name, estimates in found.items()]
    caption = f"{arm.arm.label}, {SPLIT_NAMES[split].lower()}: baselines and models"
    heads = ["Model", *map(estimator_text, keys)]
    return table(caption, heads, rows, notes=footnotes.lines())


def difference_table(arm: ArmBaselines, split: Split) -> Table:
    """Each model of an arm minus each baseline, paired, with p."""
    footnotes = Footnotes()
    rows: list[tuple[str, ...]] = []
    keys = list(
        dict.fromkeys(
            each.estimator for one in arm.models for each in one.differences if each.split is split
        )
    )
    for one in arm.models:
        by_model: dict[ModelKind, dict[str, BaselineDifference]] = {}
        for each in one.differences:
            if each.split is split:
                by_model.setdefault(each.model, {})[each.estimator] = each
        for kind, found in by_model.items():
            name = f"{MODEL_NAMES[kind]} \u2212 {BASELINE_NAMES[one.kind].lower()}"
            tested = [
                _tested(found[key].estimate, found[key].p_value, footnotes)
                if key in found
                else ABSENT
                for key in keys
            ]
            rows.append((name, *tested))
    caption = f"{arm.arm.label}, {SPLIT_NAMES[split].lower()}: what the models add (interval; p)"
    heads = ["Difference", *map(estimator_text, keys)]
    return table(caption, heads, rows, notes=footnotes.lines())


def regression_table(arm: ArmBaselines) -> Table:
    """The label's logistic regressions, apparent and in test patients."""
    fitted = [one for one in arm.regressions if one.coefficients]
    footnotes = Footnotes()
    rows = [
        (
            f"{MODEL_NAMES[one.kind]} predictors, {SPLIT_NAMES[split].lower()}",
            *(
                footnotes.cell(one.estimates[split].get(f"{name}_{one.horizon_days}d"))
                for name in _REGRESSED
            ),
        )
        for one in fitted
        for split in Split
    ]
    first = fitted[0]
    notes = [
        f"{first.penalty}. {first.n_labelled} training patients have a label, worth "
        f"{first.effective_n:.0f} by their weights. Cut-off: Youden's in training.",
    ]
    horizon = days_text(first.horizon_days, adjective=True)
    caption = f"{arm.arm.label}: logistic regression of the {horizon} label, by IPCW"
    return table(
        caption, ["Regression", *_REGRESSED_NAMES], rows, notes=[*notes, *footnotes.lines()]
    )


def _without_horizon(key: str) -> str:
    name, _, horizon = key.rpartition("_")
    return name if horizon.endswith("d") and horizon[:-1].isdigit() else key


def _cells(
    estimates: Mapping[str, Estimate], keys: Sequence[str], footnotes: Footnotes
) -> list[str]:
    return [footnotes.cell(estimates.get(key)) for key in keys]


def _tested(estimate: Estimate | None, p_value: float | None, footnotes: Footnotes) -> str:
    cell = footnotes.cell(estimate)
    is_tested = estimate is not None and estimate.value is not None and p_value is not None
    return f"{cell}; {p_text(p_value)}" if is_tested else cell
