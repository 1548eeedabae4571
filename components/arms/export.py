"""An arm's fitted models as plain tables, from which another program can fit them again.

Each table is keyed by `arm` and, where it is of a model, by `model`; predictors, levels and knots
stand in rows of their own, so that no cell has to be taken apart.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from components.arms.arm_patients import ArmPatients
from components.arms.fitting import FittedModels
from components.arms.preparation import SIGNATURE
from components.arms.records import ArmModels
from components.cohort.endpoint import survival_target
from components.errors import IntegrityError, UsageError
from components.study.protocol import LabelSection
from components.study.vocabulary import ModelKind, RiskLabel, Split
from components.survival.cox import CoxModel
from components.survival.design import Predictor, continuous_columns
from components.survival.ipcw import label_weights

_SAME = 1e-9
_OUTCOME = ("os_days", "death")
_OWN = {"fold", "imputation", "label_weight", "risk_label", "role"}


@dataclass(frozen=True, eq=False)
class ExportedModels:
    """The tables of all arms; each row of `coefficients` is a column of a design matrix.

    `training` holds by arm the patients that its models were fitted on, as often as they were
    imputed; `analysis` every patient of the cohort once, with cells that may be empty.
    """

    analysis: pd.DataFrame
    training: dict[str, pd.DataFrame]
    models: pd.DataFrame
    coefficients: pd.DataFrame
    levels: pd.DataFrame
    knots: pd.DataFrame
    penalties: pd.DataFrame
    baseline: pd.DataFrame


def export_models(
    table: pd.DataFrame,
    arms: Sequence[ArmPatients],
    *,
    names: Sequence[str],
    label: LabelSection,
) -> ExportedModels:
    """The tables of the models and patients of a run.

    Args:
        table: The cohort, one row a patient, with the columns of step `cohort` and, where there
            is a signature, `dl_signature`.
        arms: Each arm's models and patients, fitted again.
        names: The predictors of the protocol.
        label: How patients whose label is unknown are weighed.

    Raises:
        UsageError: A predictor has the name of a column that the tables have besides.
    """
    taken = sorted(_OWN & set(names))
    if taken:
        msg = f"predictor '{taken[0]}': the export has a column of this name; rename the predictor"
        raise UsageError(msg)
    fitted = [one.fitted for one in arms]
    return ExportedModels(
        analysis=analysis_table(table, arms, names=names, label=label),
        training={one.arm.value: training_table(one) for one in fitted},
        models=_rows(fitted, _model_rows, _MODEL_COLUMNS),
        coefficients=_rows(fitted, _coefficient_rows, _COEFFICIENT_COLUMNS),
        levels=_rows(fitted, _level_rows, ("arm", "predictor", "number", "level")),
        knots=_rows(fitted, _knot_rows, ("arm", "predictor", "number", "knot")),
        penalties=_rows(fitted, _penalty_rows, _PENALTY_COLUMNS),
        baseline=_rows(fitted, _baseline_rows, _BASELINE_COLUMNS),
    )


def require_same(recorded: ArmModels, fitted: FittedModels) -> None:
    """Refuse models that are not those of the run.

    Raises:
        IntegrityError: Another code or another machine has fitted other coefficients.
    """
    for kind, model in recorded.models.items():
        again = fitted.models.get(kind)
        if again is None or again.columns != model.columns or _distance(model, again) > _SAME:
            msg = (
                f"{fitted.arm.label}: expected the {kind.value} model of the run, this version of "
                "armwise fits another one to the same patients; run the study again, then export"
            )
            raise IntegrityError(msg)


def _distance(one: CoxModel, other: CoxModel) -> float:
    """The largest difference of two models' coefficients, in standard errors."""
    if not one.columns:
        return 0.0
    difference = np.subtract(one.coefficients, other.coefficients)
    return float(np.abs(difference / np.asarray(one.standard_errors)).max())


def analysis_table(
    table: pd.DataFrame,
    arms: Sequence[ArmPatients],
    *,
    names: Sequence[str],
    label: LabelSection,
) -> pd.DataFrame:
    """One row a patient: arm, split, fold, outcome, label and its weight, role, predictors.

    `role` says whether the arm's models were fitted on the patient, score it, or leave it out.
    Arguments are those of `export_models`.
    """
    known = [name for name in dict.fromkeys([*names, SIGNATURE]) if name in table.columns]
    rows = table.loc[:, ["arm", "split", "fold", *_OUTCOME, "risk_label", *known]].copy()
    rows["fold"] = rows["fold"].where(rows["fold"] >= 0).astype("Int64")
    rows["death"] = rows["death"].astype(np.int64)
    rows.insert(6, "label_weight", _weights(table, label))
    rows.insert(7, "role", _roles(table, arms))
    return rows.rename_axis("patient_id").reset_index()


def _weights(table: pd.DataFrame, label: LabelSection) -> pd.Series:
    """Weights of the risk label; with `ipcw` from the censoring of the arm's training patients."""
    unknown = table["risk_label"] == RiskLabel.UNKNOWN.value
    if label.unknown == "naive":
        return pd.Series(1.0, index=table.index)
    if label.unknown == "drop":
        return (~unknown).astype(np.float64)
    weights = pd.Series(0.0, index=table.index)
    for _, rows in table.groupby("arm"):
        weights[rows.index] = label_weights(
            survival_target(rows),
            label.horizon_days,
            fitted_on=survival_target(rows[rows["split"] == Split.TRAIN.value]),
            cap=label.weight_cap,
        )
    return weights


def _roles(table: pd.DataFrame, arms: Sequence[ArmPatients]) -> pd.Series:
    roles = pd.Series("left_out", index=table.index)
    for one in arms:
        roles[one.tables[Split.TRAIN].index] = "fitted"
        roles[one.tables[Split.TEST].index] = "scored"
    return roles


def training_table(fitted: FittedModels) -> pd.DataFrame:
    """An arm's training patients once for each imputation, with all candidates and their splines.

    Models of which no predictor was imputed are fitted on imputation 1 alone.
    """
    predictors = fitted.prepared.predictors
    parts = [
        _one_imputation(table, predictors, number)
        for number, table in enumerate(fitted.completed.tables, start=1)
    ]
    return pd.concat(parts, ignore_index=True)


def _one_imputation(
    table: pd.DataFrame, predictors: Sequence[Predictor], number: int
) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "patient_id": table.index,
        "imputation": number,
        "os_days": table["os_days"].to_numpy(dtype=np.float64),
        "death": table["death"].to_numpy(dtype=np.int64),
    }
    for one in predictors:
        columns[one.name] = table[one.name].to_numpy()
        if one.knots:
            basis = continuous_columns(table[one.name].to_numpy(dtype=np.float64), one)
            names = [spline_column(one.name, order) for order in range(1, basis.shape[1])]
            columns.update(zip(names, basis[:, 1:].T, strict=True))
    return pd.DataFrame(columns)


def spline_column(name: str, order: int) -> str:
    """The column of a spline's nonlinear part: `age_years_spline1` for `rms`'s age'."""
    return f"{name}_spline{order}"


Row = dict[str, Any]

_MODEL_COLUMNS = (
    "arm", "model", "is_nomogram", "n", "n_events", "n_coefficients", "imputations", "ties",
    "ridge_penalty", "log_likelihood_null", "log_likelihood",
)  # fmt: skip
_COEFFICIENT_COLUMNS = (
    "arm", "model", "number", "predictor", "kind", "term", "coefficient", "standard_error",
    "centre",
)  # fmt: skip
_PENALTY_COLUMNS = ("arm", "model", "penalty", "deviance", "is_chosen")
_BASELINE_COLUMNS = ("arm", "model", "time_days", "cumulative_hazard")


def _rows(
    fitted: Sequence[FittedModels],
    of: Callable[[FittedModels], Iterable[Row]],
    columns: Sequence[str],
) -> pd.DataFrame:
    rows = [{"arm": one.arm.value, **row} for one in fitted for row in of(one)]
    return pd.DataFrame(rows, columns=list(columns))


def _models(fitted: FittedModels) -> list[tuple[ModelKind, CoxModel]]:
    return [(kind, fitted.models[kind]) for kind in ModelKind if kind in fitted.models]


def _model_rows(fitted: FittedModels) -> Iterable[Row]:
    for kind, model in _models(fitted):
        # With a null signature the combined model is the clinical one.
        fit = fitted.fits.get(kind, fitted.fits[ModelKind.CLINICAL])
        yield {
            "model": kind.value,
            "is_nomogram": kind is fitted.nomogram_kind,
            "n": model.n,
            "n_events": model.n_events,
            "n_coefficients": len(model.columns),
            "imputations": len(fit.parts) if model.columns else 1,
            "ties": model.ties,
            "ridge_penalty": model.ridge,
            "log_likelihood_null": model.log_likelihood_null,
            "log_likelihood": model.log_likelihood,
        }


def _coefficient_rows(fitted: FittedModels) -> Iterable[Row]:
    for kind, model in _models(fitted):
        terms = [(one, term) for one in model.predictors for term in one.columns]
        figures = zip(terms, model.coefficients, model.standard_errors, model.means, strict=True)
        for number, ((one, term), coefficient, error, mean) in enumerate(figures, start=1):
            yield {
                "model": kind.value,
                "number": number,
                "predictor": one.name,
                "kind": "spline" if one.knots else one.kind,
                "term": term,
                "coefficient": coefficient,
                "standard_error": error,
                "centre": mean,
            }


def _level_rows(fitted: FittedModels) -> Iterable[Row]:
    for one in fitted.prepared.predictors:
        for number, level in enumerate(one.levels, start=1):
            yield {"predictor": one.name, "number": number, "level": level}


def _knot_rows(fitted: FittedModels) -> Iterable[Row]:
    for one in fitted.prepared.predictors:
        for number, knot in enumerate(one.knots, start=1):
            yield {"predictor": one.name, "number": number, "knot": knot}


def _penalty_rows(fitted: FittedModels) -> Iterable[Row]:
    for kind, choice in fitted.ridge.items():
        for penalty, deviance in zip(choice.penalties, choice.deviance, strict=True):
            yield {
                "model": kind.value,
                "penalty": penalty,
                "deviance": deviance,
                "is_chosen": penalty == choice.penalty,
            }


def _baseline_rows(fitted: FittedModels) -> Iterable[Row]:
    for kind, model in _models(fitted):
        steps = zip(model.baseline.times_days, model.baseline.cumulative_hazard, strict=True)
        for time, hazard in steps:
            yield {"model": kind.value, "time_days": time, "cumulative_hazard": hazard}
