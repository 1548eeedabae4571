"""README.txt of an export: what each file and each column is."""

from collections.abc import Mapping, Sequence

from components.arms.export import ExportedModels
from components.arms.preparation import SIGNATURE
from components.cohort.schema import Variable
from components.study.protocol import Protocol
from components.study.vocabulary import DataOrigin

_FILES = (
    ("analysis.csv, .parquet", "every patient of the cohort once, cells as they were known"),
    (
        "training-<arm>.csv, .parquet",
        "the patients that the arm's models were fitted on, once for each imputation",
    ),
    ("models.csv", "one row a model"),
    ("coefficients.csv", "one row a coefficient (log hazard ratio)"),
    ("levels.csv", "levels of categorical predictors; number 1 is the reference"),
    ("knots.csv", "knots of restricted cubic splines, in the predictor's unit"),
    ("penalties.csv", "ridge penalties that were tried, by cross-validated deviance"),
    ("baseline.csv", "cumulative baseline hazard at the centre of each model"),
    ("nomogram-<arm>.json", "the arm's nomogram: axes, points, survival (armwise.nomogram/1)"),
    ("selection-<arm>.json", "how predictors were selected, where they were"),
    ("refit.R", "fits all models again with R's survival package and compares them"),
)

_ANALYSIS = (
    ("patient_id", "pseudonym"),
    ("arm", "first treatment"),
    ("split", "train or test; fixed once"),
    ("fold", "fold of the cross-fitting (training patients), from 0; empty in test patients"),
    ("os_days", "days from first treatment to death or last follow-up"),
    ("death", "1 = died of any cause, 0 = censored"),
    ("risk_label", "high = dead by {horizon} days, low = followed beyond, unknown = neither"),
    ("label_weight", "weight of the label: {weights}"),
    ("role", "fitted = the arm's models were fitted on the patient, scored = they score the "
     "patient, left_out = neither"),
)  # fmt: skip

_WEIGHTS = {
    "ipcw": "1/G(T-) of the dead, 1/G({horizon}) of the low, 0 of the unknown; G: Kaplan-Meier of "
    "censoring in the arm's training patients; at most {cap:g}",
    "drop": "1, and 0 of the unknown",
    "naive": "1 (the unknown count as high)",
}

_TRAINING = (
    ("imputation", "number of the completed table; models of which nothing was imputed use 1"),
    ("<predictor>_spline<k>", "nonlinear columns of a restricted cubic spline (rms::rcs, norm 2)"),
)

_MODELS = (
    ("is_nomogram", "whether the arm's nomogram shows this model"),
    ("n, n_events", "patients and deaths"),
    ("imputations", "fits that the model is pooled of, by Rubin's rules"),
    ("ties", "how tied deaths share a risk set"),
    ("ridge_penalty", "theta in theta/2 x sum((coefficient x SD)^2), SD with n in the denominator"),
    ("log_likelihood_null, log_likelihood", "partial, unpenalised, mean over imputations"),
)

_COEFFICIENTS = (
    ("term", "column of the design matrix: predictor, predictor=level, or a primed spline column"),
    ("coefficient", "log hazard ratio a unit of the term"),
    ("standard_error", "model-based, with the variance between imputations"),
    ("centre", "mean of the term; the linear predictor is sum(coefficient x (term - centre))"),
)


def readme(
    exported: ExportedModels,
    *,
    protocol: Protocol,
    codebook: Mapping[str, Variable],
    origin: DataOrigin,
) -> str:
    """The text of README.txt.

    Args:
        exported: The tables.
        protocol: The run's.
        codebook: What the predictors are.
        origin: Whether the patients exist.
    """
    label = protocol.label
    horizon = label.horizon_days
    weights = _WEIGHTS[label.unknown].format(horizon=horizon, cap=label.weight_cap)
    analysis = [(name, text.format(horizon=horizon, weights=weights)) for name, text in _ANALYSIS]
    predictors = [
        (name, _meaning(name, protocol, codebook))
        for name in exported.analysis.columns[len(_ANALYSIS) :]
    ]
    arms = " and ".join(arm.label for arm in protocol.study.arms)
    parts = [
        f"Models of the study '{protocol.study.study_id}', arm by arm: {arms}.\n"
        f"Profile {protocol.profile}; protocol {protocol.hash()}.\n{_ORIGIN[origin]}",
        "Run `Rscript refit.R` here: it fits every model again and stops with status 1 where a\n"
        "coefficient differs by more than 1e-6. It needs R's recommended package survival.",
        _section("Files", _FILES),
        _section("Columns of analysis", [*analysis, *predictors]),
        _section("Further columns of training-<arm>", _TRAINING),
        _section("Columns of models.csv", _MODELS),
        _section("Columns of coefficients.csv", _COEFFICIENTS),
        "CSV: UTF-8, decimal points, empty where unknown. Text that begins with = + - @ has an\n"
        "apostrophe before it, lest a spreadsheet runs it.",
    ]
    return "\n\n".join(parts) + "\n"


_ORIGIN = {
    DataOrigin.REAL: "Patients are named by pseudonym; no calendar date is in any file.",
    DataOrigin.SYNTHETIC: "SYNTHETIC: these patients do not exist.",
}


def _meaning(name: str, protocol: Protocol, codebook: Mapping[str, Variable]) -> str:
    if name == SIGNATURE:
        how = (
            "scored by the signature that they were fitted into"
            if protocol.signature.fit == "in_sample"
            else "cross-fitted: scored by a signature that has not seen their fold"
        )
        return f"deep-learning signature, in SD; training patients {how}; test patients as deployed"
    one = codebook[name]
    detail = one.unit if one.kind != "categorical" else ", ".join(one.levels)
    return f"{one.label} ({detail})"


def _section(title: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"  {name:<28} {text}" for name, text in rows]
    return "\n".join([title, *lines])
