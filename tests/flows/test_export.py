"""`armwise export`: what it writes gives the same models to whoever fits them again."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sksurv.linear_model import CoxPHSurvivalAnalysis
from sksurv.util import Surv

from components.arms.arm_patients import ArmPatients
from components.arms.export import export_models
from components.arms.fitting import fit_models
from components.arms.preparation import SIGNATURE
from components.cohort.schema import PREDICTORS
from components.errors import UsageError
from components.study.protocol import ImputationSection, TwoStepSelection
from components.study.vocabulary import SignatureState, TreatmentArm
from flows.export import write_csv, write_models
from flows.plan import own_protocol
from flows.record import RunRecord
from flows.settings import Settings
from flows.step_results import read_results
from tests.arms.conftest import draw_arm
from tests.flows.conftest import armwise
from tests.flows.tables import quick_sound, write_tables

CLOSE = 1e-6
"""In standard errors: a coefficient of a wide scale is small whatever it is."""
NAMES = ("bclc_stage", "cirrhosis", "albi_grade", "tumor_diameter_cm")
IMPUTED = ImputationSection(imputations=3, iterations=2)
STEPS = TwoStepSelection(univariate_p_value=0.3, multivariable_p_value=0.2, combined="reselect")
SECTIONS = {
    "unpenalised": {"ridge_penalties": (0.0,)},
    "penalised": {"ridge_penalties": (8.0,)},
    "imputed": {"ridge_penalties": (0.0, 2.0), "imputation": IMPUTED},
    "splined": {
        "ridge_penalties": (2.0,),
        "splines": {"tumor_diameter_cm": 4},
        "imputation": IMPUTED,
    },
    "backward": {"method": "backward_aic", "imputation": IMPUTED},
    "two steps": {"method": "two_step", "two_step": STEPS},
}


def read(folder, name):
    """A table of the export, as text, as the R script reads it."""
    return pd.read_csv(folder / f"{name}.csv", dtype=str, keep_default_na=False, na_values=[""])


def design(folder, patients, predictors, arm):
    """The columns of predictors from the files alone, by nobody's design matrix."""
    levels, knots = read(folder, "levels"), read(folder, "knots")
    columns = []
    for name in predictors:
        coded = levels[(levels["arm"] == arm) & (levels["predictor"] == name)]["level"]
        columns += [(patients[name] == level).astype(float) for level in coded[1:]]
        if coded.empty:
            n_knots = ((knots["arm"] == arm) & (knots["predictor"] == name)).sum()
            splined = [f"{name}_spline{k}" for k in range(1, n_knots - 1)]
            columns += [patients[column].astype(float) for column in (name, *splined)]
    return np.column_stack(columns)


def fitted_again(folder):
    """Of each coefficient: that exported, that of scikit-survival, their distance in SE."""
    models, terms = read(folder, "models"), read(folder, "coefficients")
    rows = []
    for model in models[models["n_coefficients"] != "0"].itertuples():
        own = terms[(terms["arm"] == model.arm) & (terms["model"] == model.model)]
        training = read(folder, f"training-{model.arm}")
        fits = []
        for number in range(1, int(model.imputations) + 1):
            part = training[training["imputation"] == str(number)]
            x = design(folder, part, own["predictor"].unique(), model.arm)
            alpha = float(model.ridge_penalty) * x.var(axis=0)
            y = Surv.from_arrays(part["death"] == "1", part["os_days"].astype(float))
            cox = CoxPHSurvivalAnalysis(alpha=alpha, ties="efron", tol=1e-14, n_iter=200)
            fits.append(cox.fit(x, y).coef_)
        known, error = (own[name].astype(float) for name in ("coefficient", "standard_error"))
        again = np.mean(fits, axis=0)
        rows.append(np.column_stack([known, again, np.abs(again - known) / error]))
    return np.concatenate(rows)


def agrees(folder):
    """Nothing, once scikit-survival and, where there is one, R find the exported coefficients."""
    assert fitted_again(folder)[:, 2].max() < CLOSE
    done = run_r(folder)
    assert done is None or done.returncode == 0, done.stdout + done.stderr


def run_r(folder, **environment):
    """What the folder's script says; None where there is no R to run it."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        return None
    return subprocess.run(
        [rscript, str(folder / "refit.R")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


@pytest.fixture(scope="module", params=SECTIONS, ids=str)
def exported(request, tmp_path_factory):
    """Models of patients with empty cells, in a folder."""
    protocol = own_protocol("sound")
    arm = TreatmentArm.HEPATECTOMY
    asked = {"method": "ridge", "predictors": {arm: NAMES}, "imputation": None}
    clinical = protocol.clinical.model_copy(update={**asked, **SECTIONS[request.param]})
    table = pd.concat(
        [
            draw_arm(150, seed=11, prefix="TR").assign(split="train", fold=1),
            draw_arm(40, seed=12, prefix="TE").assign(split="test", fold=-1),
        ]
    ).assign(arm=arm.value, risk_label="unknown")
    rng = np.random.default_rng(3)
    for name in ("bclc_stage", "tumor_diameter_cm"):
        table[name] = table[name].mask(rng.random(len(table)) < 0.1)
    # A level that a spreadsheet would take for a formula.
    table["cirrhosis"] = table["cirrhosis"].map({"absent": "-", "present": "+"})
    signs = PREDICTORS["cirrhosis"].model_copy(update={"levels": ("-", "+")})
    codebook = {**PREDICTORS, "cirrhosis": signs}
    train, test = (table[table["split"] == split] for split in ("train", "test"))
    fitted = fit_models(
        arm, train, clinical=clinical, signature=SignatureState.FITTED, seed=1, codebook=codebook
    )
    found = export_models(table, [ArmPatients.of(fitted, test)], names=NAMES, label=protocol.label)
    folder = tmp_path_factory.mktemp("export")
    write_models(found, folder)
    return folder, found


def test_the_files_alone_give_the_same_coefficients(exported):
    folder, found = exported
    assert len(fitted_again(folder)) == len(found.coefficients) > 0
    agrees(folder)


def test_no_cell_begins_like_a_formula(exported):
    folder, _ = exported
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        for cell in table.to_numpy().ravel():
            assert not re.match(r"[=+@\t\r]|-(?![\d.])", cell), (path.name, cell)
    assert set(read(folder, "training-hepatectomy")["cirrhosis"]) == {"'-", "'+"}
    whole = pd.read_parquet(folder / "training-hepatectomy.parquet")
    assert set(whole["cirrhosis"]) == {"-", "+"}


def test_numbers_are_written_in_full(exported):
    folder, found = exported
    read_back = read(folder, "coefficients")["coefficient"].astype(float)
    assert read_back.tolist() == found.coefficients["coefficient"].tolist()


def test_the_script_stops_where_a_coefficient_differs(exported, tmp_path):
    folder, found = exported
    wrong = shutil.copytree(folder, tmp_path / "wrong")
    table = found.coefficients.copy()
    table.loc[0, "coefficient"] += 2e-6
    write_csv(table, wrong / "coefficients.csv")
    assert fitted_again(wrong)[:, 2].max() > CLOSE
    done = run_r(wrong)
    assert done is None or (done.returncode == 1 and "exceeds" in done.stdout)


def test_the_script_runs_in_any_locale_and_from_any_folder(exported, tmp_path):
    folder, _ = exported
    moved = shutil.copytree(folder, tmp_path / "of a run")
    for path in moved.glob("*.csv"):
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace("'+", "有").replace("cirrhosis", "肝硬化"), encoding="utf-8")
    done = run_r(moved, LC_ALL="C")
    assert done is None or done.returncode == 0, done.stdout + done.stderr


def test_a_step_that_was_cleared_away_is_one_message(tmp_path):
    record = RunRecord(
        key="k", data_md5="d", protocol_hash="p", run_id="r", files=(), versions={}, facts={},
        steps={"arms": "123"},
    )  # fmt: skip
    with pytest.raises(UsageError, match="result of step arms"):
        read_results(Settings(study_dir=tmp_path).home_path, record)


def export(study, *options):
    done = armwise("export", "out", *options, study=study)
    assert done.returncode == 0, done.stdout + done.stderr
    return study / "out"


def fit_tables(study, *options):
    done = armwise("fit-arms", *options, study=study)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_a_run_on_tables_without_features_is_exported_and_fitted_again(tmp_path):
    paths = write_tables(tmp_path)
    table = pd.read_csv(paths["clinical"], dtype=str)
    table.loc[3:20, "size"] = ""
    table.to_csv(paths["clinical"], index=False)
    protocol = yaml.safe_load(quick_sound(tmp_path).read_text())
    protocol["evaluation"] |= {"nested": None, "optimism_resamples": None, "subgroups": []}
    protocol["clinical"]["splines"] = {"age_years": 3}
    paths["protocol"].write_text(yaml.safe_dump(protocol))
    fit_tables(
        tmp_path, *[f"--{name}={paths[name]}" for name in ("clinical", "columns", "protocol")]
    )
    folder = export(tmp_path)
    agrees(folder)
    names = {path.name for path in folder.iterdir()}
    assert {"nomogram-hepatectomy.json", "nomogram-tace.json"} <= names
    said = (folder / "README.txt").read_text(encoding="utf-8")
    for column in pd.read_csv(folder / "analysis.csv").columns:
        assert re.search(rf"^  {column} ", said, re.MULTILINE), column
    assert "Tumor diameter (cm)" in said
    assert "SYNTHETIC" in said
    refused = armwise("export", "out", study=tmp_path)
    assert refused.returncode == 2
    assert "expected a new or empty folder" in refused.stderr


@pytest.mark.slow
def test_a_retraining_is_exported_and_fitted_again(smoke_study):
    folder = export(smoke_study.folder, "--run", "latest")
    agrees(folder)
    steps = smoke_study.folder / ".armwise/steps"
    analysis = pd.read_csv(folder / "analysis.csv").set_index("patient_id")
    folds = pd.read_parquet(next(steps.glob("cohort-*/cohort.parquet")))["fold"]
    assert analysis["fold"].fillna(-1).astype(int).to_dict() == folds.to_dict()
    scores = pd.read_parquet(next(steps.glob("signature-*/scores.parquet")))
    known = scores.set_index("patient_id")[SIGNATURE]
    assert analysis.loc[known.index, SIGNATURE].tolist() == pytest.approx(known.tolist())


REAL = Path(os.environ.get("ARMWISE_REALDATA", "/nonexistent")) / "sysucc_hcc"


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.skipif(not REAL.is_dir(), reason="ARMWISE_REALDATA names no folder with sysucc_hcc")
def test_real_arms_are_exported_and_fitted_again(tmp_path):
    protocol = yaml.safe_load(quick_sound(tmp_path).read_text())
    protocol["cohort"] |= {"max_quarantined": 100}
    protocol["evaluation"] |= {"optimism_resamples": None, "subgroups": [], "baselines": None}
    protocol["clinical"]["splines"] = {"afp_ng_ml": 4, "age_years": 4}
    (tmp_path / "real.yaml").write_text(yaml.safe_dump(protocol))
    mapping = Path(__file__).parents[1] / "intake" / "mappings" / "sysucc_hcc.yaml"
    sheet = REAL / "sysucc_two_arm_2007_2014.csv"
    fit_tables(tmp_path, f"--clinical={sheet}", f"--columns={mapping}", "--protocol", "real.yaml")
    agrees(export(tmp_path))
