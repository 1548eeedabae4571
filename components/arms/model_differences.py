"""The combined model against the others of its arm, in the same patients."""

from collections.abc import Iterable, Iterator

from components.arms.horizons import uno_tau_days
from components.arms.records import ModelDifference
from components.arms.scored import NO_PREDICTOR, NO_TAU, ScoredPatients
from components.study.protocol import EvaluationSection
from components.study.vocabulary import ModelKind, Split
from components.survival.comparison import (
    PairedComparison,
    compare_auc,
    compare_brier,
    compare_c,
)

_REFERENCES = (ModelKind.CLINICAL, ModelKind.DLRADIOMICS)
_SAME = "the two models are the same"


def model_differences(
    scored: Iterable[ScoredPatients], section: EvaluationSection
) -> Iterator[ModelDifference]:
    """Combined minus clinical and minus DLRadiomics, in each split where both were scored.

    Harrell's and Uno's C, AUC and Brier score at each horizon, paired, each with its test.
    """
    by_place = {(one.kind, one.split): one for one in scored}
    for reference in _REFERENCES:
        for split in Split:
            a, b = by_place.get((ModelKind.COMBINED, split)), by_place.get((reference, split))
            if a is None or b is None:
                continue
            for estimator, comparison in _comparisons(a, b, section).items():
                yield ModelDifference(
                    arm=a.arm,
                    kind=a.kind,
                    reference=reference,
                    split=split,
                    estimator=estimator,
                    estimate=comparison.difference,
                    p_value=comparison.p,
                )


def _comparisons(
    a: ScoredPatients, b: ScoredPatients, section: EvaluationSection
) -> dict[str, PairedComparison]:
    found = {"c_harrell": _c(a, b, section), "c_uno": _uno(a, b, section)}
    for days in a.horizons_days:
        found[f"auc_cd_{days}d"] = _auc(a, b, days, section)
        found[f"brier_{days}d"] = _brier(a, b, days, section)
    return found


def _c(a: ScoredPatients, b: ScoredPatients, section: EvaluationSection) -> PairedComparison:
    reason = _not_comparable(a, b)
    if reason:
        return _refused(a, reason, "difference of Harrell's C")
    return compare_c(
        a.target, a.linear_predictor, b.linear_predictor, level=section.confidence_level
    )


def _uno(a: ScoredPatients, b: ScoredPatients, section: EvaluationSection) -> PairedComparison:
    tau_days = uno_tau_days(a.target, section)
    reason = _not_comparable(a, b)
    if reason or tau_days is None:
        return _refused(a, reason or NO_TAU, "difference of Uno's C")
    return compare_c(
        a.target,
        a.linear_predictor,
        b.linear_predictor,
        tau_days=tau_days,
        level=section.confidence_level,
    )


def _auc(
    a: ScoredPatients, b: ScoredPatients, days: int, section: EvaluationSection
) -> PairedComparison:
    reason = _not_comparable(a, b) or a.not_estimable.get(days)
    if reason:
        return _refused(a, reason, "difference of cumulative/dynamic AUC", days)
    return compare_auc(
        a.target,
        a.linear_predictor,
        b.linear_predictor,
        horizon_days=days,
        level=section.confidence_level,
    )


def _brier(
    a: ScoredPatients, b: ScoredPatients, days: int, section: EvaluationSection
) -> PairedComparison:
    same = _SAME if a.model == b.model else None
    reason = same or a.not_predictable.get(days)
    if reason:
        return _refused(a, reason, "difference of Brier scores", days)
    return compare_brier(
        a.target, a.survival(days), b.survival(days), days, level=section.confidence_level
    )


def _not_comparable(a: ScoredPatients, b: ScoredPatients) -> str | None:
    """Why the orders of two models cannot be compared."""
    if a.model == b.model:
        return _SAME
    return NO_PREDICTOR if a.is_constant or b.is_constant else None


def _refused(
    a: ScoredPatients, reason: str, method: str, days: float | None = None
) -> PairedComparison:
    return PairedComparison(difference=a.refused(reason, method, days))
