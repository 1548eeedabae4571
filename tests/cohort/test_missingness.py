"""Missing predictors by column and arm."""

import numpy as np

from components.cohort.missingness import missingness
from components.study.vocabulary import TreatmentArm

HEPATECTOMY, TACE = TreatmentArm.HEPATECTOMY, TreatmentArm.TACE


def test_cells_are_counted_by_column_and_arm_and_by_what_is_missing_together(clinical):
    clinical.loc[["P-000", "P-001", "P-050"], "albumin_g_per_l"] = np.nan
    clinical.loc[["P-001", "P-050"], "bclc_stage"] = None
    missing = missingness(clinical, arms=tuple(TreatmentArm))
    assert missing.sizes == {HEPATECTOMY: 40, TACE: 20}
    assert missing.n_columns == 3
    counts = {one.name: one.n_missing for one in missing.columns}
    assert counts == {
        "bclc_stage": {HEPATECTOMY: 1, TACE: 1},
        "albumin_g_per_l": {HEPATECTOMY: 2, TACE: 1},
    }
    assert [(one.columns, one.total) for one in missing.patterns] == [
        (("bclc_stage", "albumin_g_per_l"), 2),
        (("albumin_g_per_l",), 1),
    ]
    assert missing.n_incomplete == 3
    assert missing.sentence.startswith("3 of 60 patients (5.0%) lack a value")


def test_a_column_is_notable_by_its_share_in_an_arm_not_in_all(clinical):
    clinical.loc["P-050", "bclc_stage"] = None
    notable = missingness(clinical, arms=tuple(TreatmentArm)).notable
    assert notable == "Missing values: BCLC stage 5% in TACE."
    clinical.loc["P-050", "bclc_stage"] = "A"
    clinical.loc["P-000", "bclc_stage"] = None
    assert missingness(clinical, arms=tuple(TreatmentArm)).notable is None


def test_a_complete_table_says_so(clinical):
    missing = missingness(clinical, arms=(TACE,))
    assert missing.columns == missing.patterns == ()
    assert missing.sentence == "None of the 3 predictors is missing in any patient."
