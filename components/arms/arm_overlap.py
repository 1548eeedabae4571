"""Overlap of two arms: how well the predictors tell who got which treatment."""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from components.arms.feasibility_records import ArmOverlap
from components.cohort.schema import Variable
from components.study.randomness import step_seed
from components.study.vocabulary import TreatmentArm
from components.survival.delong import DeLong
from components.survival.target import FloatArray, IntArray

_FOLDS = 5
_BINS = 20
_RANGE = (0.1, 0.9)
_NOT_AT_ALL, _WELL, _THIN, _HARDLY = 0.5, 0.7, 0.8, 0.9


def arm_overlap(
    table: pd.DataFrame,
    first: TreatmentArm,
    second: TreatmentArm,
    names: Sequence[str],
    *,
    codebook: Mapping[str, Variable],
    seed: int,
) -> ArmOverlap:
    """The propensity for `second` against `first`, out of fold, and what it says of overlap.

    Ridge logistic regression on standardised main effects. An empty number is taken as the median
    and marked by a column of its own; an empty level is a level. Good enough to see whether a
    comparison could be meant; not the model of one.

    Args:
        table: Eligible patients of all arms.
        first: The arm whose patients have low propensities.
        second: The arm whose patients have high ones.
        names: The predictors; those that do not vary here are left out.
        codebook: What they are.
        seed: The study's seed, for the folds.
    """
    both = table[table["arm"].isin([first.value, second.value])]
    treated = np.asarray(both["arm"] == second.value, dtype=np.int64)
    sizes = {first: int((treated == 0).sum()), second: int(treated.sum())}
    used, columns = _columns(both, [codebook[name] for name in names if name in both])
    if min(sizes.values()) < 2 * _FOLDS or not used:
        why = (
            f"expected at least {2 * _FOLDS} patients of each arm and a predictor that varies, "
            f"came {sizes[first]} and {sizes[second]} patients and {len(used)} predictors"
        )
        return _not_fitted(first, second, sizes, why)
    propensity = _propensity(columns, treated, seed)
    return _told(first, second, tuple(one.label for one in used), propensity, treated)


def _columns(
    table: pd.DataFrame, variables: Sequence[Variable]
) -> tuple[list[Variable], FloatArray]:
    """The variables that vary, and their columns (n, p): levels as indicators, gaps marked."""
    used, blocks = [], []
    for variable in variables:
        cells = table[variable.name]
        block = _levels(cells) if variable.kind == "categorical" else _numbers(cells)
        varying = block[:, np.ptp(block, axis=0) > 0]
        if varying.shape[1]:
            used.append(variable)
            blocks.append(varying)
    return used, np.column_stack(blocks) if blocks else np.empty((len(table), 0))


def _levels(cells: pd.Series) -> FloatArray:
    words = cells.astype("object").where(cells.notna(), "missing").astype(str)
    return np.asarray(pd.get_dummies(words, drop_first=True), dtype=np.float64)


def _numbers(cells: pd.Series) -> FloatArray:
    values = np.asarray(cells, dtype=np.float64)
    gap = np.isnan(values)
    if gap.all():
        return np.zeros((len(values), 1))
    return np.column_stack([np.where(gap, np.nanmedian(values), values), gap])


def _propensity(columns: FloatArray, treated: IntArray, seed: int) -> FloatArray:
    """Out-of-fold probabilities (n,) of the second arm."""
    state = int(step_seed(seed, "feasibility/folds").generate_state(1)[0])
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=state)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, solver="newton-cholesky"))
    with warnings.catch_warnings():
        # Of a near separation; the ridge keeps the probabilities what they are meant to be.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = cross_val_predict(model, columns, treated, cv=folds, method="predict_proba")
    return np.asarray(found[:, 1])


def _told(
    first: TreatmentArm,
    second: TreatmentArm,
    predictors: tuple[str, ...],
    propensity: FloatArray,
    treated: IntArray,
) -> ArmOverlap:
    own = {first: propensity[treated == 0], second: propensity[treated == 1]}
    # Overlap weights: the chance of the other treatment.
    weights = {first: own[first], second: 1 - own[second]}
    densities = {arm: _shares(values) for arm, values in own.items()}
    c = DeLong.of(treated == 1, propensity).auc
    in_range = {
        arm: int(np.sum((values >= _RANGE[0]) & (values <= _RANGE[1])))
        for arm, values in own.items()
    }
    sizes = {arm: len(values) for arm, values in own.items()}
    return ArmOverlap(
        first=first,
        second=second,
        predictors=predictors,
        c_statistic=c,
        common=float(np.sum(np.minimum(densities[first], densities[second]))),
        in_range=in_range,
        effective={arm: float(w.sum() ** 2 / np.sum(w**2)) for arm, w in weights.items()},
        sizes=sizes,
        densities={arm: tuple(shares.tolist()) for arm, shares in densities.items()},
        sentence=_sentence(first, second, c, in_range, sizes),
    )


def _shares(values: FloatArray) -> FloatArray:
    return np.histogram(values, bins=_BINS, range=(0, 1))[0] / len(values)


def _sentence(
    first: TreatmentArm,
    second: TreatmentArm,
    c: float,
    in_range: Mapping[TreatmentArm, int],
    sizes: Mapping[TreatmentArm, int],
) -> str:
    """What the figures say of a comparison of the two arms, in words."""
    if c < _WELL:
        verdict = "the arms hold patients like each other, so that they can be compared"
    elif c < _THIN:
        verdict = "the arms overlap in part: a comparison speaks of that part"
    elif c < _HARDLY:
        verdict = "the overlap is thin: a comparison would rest on few patients"
    else:
        verdict = "the arms hardly overlap: these data do not support a comparison"
    named = {arm: arm.label if arm.label.isupper() else arm.value for arm in (first, second)}
    told = (
        f"The predictors tell {named[second]} from {named[first]} with a c-statistic of {c:.2f} "
        "(0.5: not at all)"
        if c > _NOT_AT_ALL
        else f"The predictors do not tell {named[second]} from {named[first]} (c-statistic "
        f"{c:.2f} out of fold, where 0.5 or less is chance)"
    )
    return (
        f"{told}, and {in_range[first]} of {sizes[first]} and {in_range[second]} of "
        f"{sizes[second]} patients have a propensity of {_RANGE[0]:g} to {_RANGE[1]:g}, as if "
        f"either treatment was open to them: {verdict}. What the sheet does not hold may differ "
        "all the same."
    )


def _not_fitted(
    first: TreatmentArm, second: TreatmentArm, sizes: dict[TreatmentArm, int], why: str
) -> ArmOverlap:
    return ArmOverlap(
        first=first,
        second=second,
        predictors=(),
        c_statistic=None,
        common=None,
        in_range={},
        effective={},
        sizes=sizes,
        densities={},
        sentence=f"The overlap of {first.label} and {second.label} cannot be told: {why}.",
        why_not=why,
    )
