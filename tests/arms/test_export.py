"""The tables of an arm's models for other programs."""

import numpy as np
import pandas as pd
import pytest

from components.arms.arm_patients import ArmPatients
from components.arms.export import analysis_table, export_models, require_same, training_table
from components.arms.fitting import fit_models
from components.errors import IntegrityError, UsageError
from components.study.vocabulary import ModelKind, SignatureState
from tests.arms.conftest import ARM

NAMES = ("bclc_stage", "cirrhosis", "albi_grade", "tumor_diameter_cm")


@pytest.fixture(scope="module")
def fitted(protocol, train):
    return fit_models(
        ARM, train, clinical=protocol.clinical, signature=SignatureState.FITTED, seed=1
    )


@pytest.fixture(scope="module")
def cohort(train, test):
    """Training and test patients as step `cohort` leaves them; one test patient has no score."""
    table = pd.concat([train.assign(split="train", fold=0), test.assign(split="test", fold=-1)])
    table = table.assign(arm=ARM.value, risk_label="unknown")
    table.loc[(table["death"] == 1) & (table["os_days"] <= 1095), "risk_label"] = "high"
    table.loc[table["os_days"] > 1095, "risk_label"] = "low"
    table.loc["TE0003", "dl_signature"] = np.nan
    return table


@pytest.fixture(scope="module")
def patients(fitted, cohort):
    return ArmPatients.of(fitted, cohort[cohort["split"] == "test"])


def test_every_patient_stands_once_with_a_role(protocol, cohort, patients):
    table = analysis_table(cohort, [patients], names=NAMES, label=protocol.label)
    assert table["patient_id"].tolist() == cohort.index.tolist()
    roles = table.set_index("patient_id")["role"]
    assert (roles[cohort["split"] == "train"] == "fitted").all()
    assert roles["TE0003"] == "left_out"
    assert (roles == "scored").sum() == (cohort["split"] == "test").sum() - 1
    folds = table.set_index("patient_id")["fold"]
    assert (folds[cohort["split"] == "train"] == 0).all()
    assert folds[cohort["split"] == "test"].isna().all()


def test_unknown_labels_are_weighed_as_the_protocol_says(protocol, cohort, patients):
    unknown = (cohort["risk_label"] == "unknown").to_numpy()

    def weights(how):
        label = protocol.label.model_copy(update={"unknown": how})
        return analysis_table(cohort, [patients], names=NAMES, label=label)["label_weight"]

    assert (weights("ipcw")[unknown] == 0).all()
    assert (weights("ipcw")[~unknown] >= 1).all()
    # Weighed by 1/G the labelled training patients stand for all of them.
    train = (cohort["split"] == "train").to_numpy()
    assert weights("ipcw")[train].sum() == pytest.approx(train.sum(), rel=0.05)
    assert weights("drop").tolist() == (~unknown).astype(float).tolist()
    assert (weights("naive") == 1).all()


def test_the_combined_model_of_a_null_signature_is_the_clinical_one(protocol, cohort, train):
    null = fit_models(ARM, train, clinical=protocol.clinical, signature=SignatureState.NULL, seed=1)
    table = cohort.drop(columns="dl_signature")
    patients = ArmPatients.of(null, table[table["split"] == "test"])
    found = export_models(table, [patients], names=NAMES, label=protocol.label)
    models = found.models.set_index("model")
    assert models["is_nomogram"].tolist() == [True, False, False]
    assert models.loc["dlradiomics", "n_coefficients"] == 0
    by_model = found.coefficients.set_index("term").groupby("model")["coefficient"]
    pd.testing.assert_series_equal(by_model.get_group("clinical"), by_model.get_group("combined"))
    assert "dl_signature" not in found.analysis


def test_without_imputation_there_is_one_table_of_the_patients(fitted, train):
    table = training_table(fitted)
    assert table["patient_id"].tolist() == train.index.tolist()
    assert (table["imputation"] == 1).all()


class Recorded:
    """As much of a run's record as is compared."""

    def __init__(self, models):
        self.models = models


def test_models_of_other_code_are_refused(fitted):
    require_same(Recorded(fitted.models), fitted)
    model = fitted.models[ModelKind.COMBINED]
    moved = (model.coefficients[0] + 1e-6, *model.coefficients[1:])
    other = {
        **fitted.models,
        ModelKind.COMBINED: model.model_copy(update={"coefficients": moved}),
    }
    with pytest.raises(IntegrityError, match="combined model of the run"):
        require_same(Recorded(other), fitted)


def test_a_predictor_must_not_be_named_as_a_column_of_the_export(protocol, cohort, patients):
    with pytest.raises(UsageError, match=r"'role': .* rename the predictor"):
        export_models(
            cohort.assign(role=1.0), [patients], names=[*NAMES, "role"], label=protocol.label
        )
