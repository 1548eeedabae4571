"""Real cohorts through their mappings alone, as a hospital would bring them."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.cohort.liver_function import albi_grade, albi_score
from components.errors import CohortRejected
from components.intake.clinical_import import import_clinical
from components.intake.draft import draft_mapping
from components.intake.feature_import import import_features
from components.intake.mapping import read_mapping

pytestmark = pytest.mark.realdata
MAPPINGS = Path(__file__).parent / "mappings"
SHEETS = {
    "sysucc_hcc": "sysucc_hcc/sysucc_two_arm_2007_2014.csv",
    "hcc_tace_seg_clinical": "hcc_tace_seg_clinical/hcc_tace_seg_clinical.csv",
    "hepatocellular_asaur": "hepatocellular_asaur/hepatoCellular.csv",
    "pbc_mayo": "pbc_mayo/pbc.csv",
}


@pytest.fixture
def cohort(realdata):
    def read(name):
        return import_clinical(realdata / SHEETS[name], read_mapping(MAPPINGS / f"{name}.yaml"))

    return read


def test_two_arms_with_diameters_in_millimetres(cohort):
    done = cohort("sysucc_hcc")
    table = done.table
    assert table["arm"].value_counts().to_dict() == {"tace": 629, "hepatectomy": 158}
    assert table.groupby("arm")["death"].sum().to_dict() == {"hepatectomy": 91, "tace": 461}
    assert set(table.index[table["age_years"] < 18]) == {"SYS0229", "SYS0601", "SYS1544"}
    assert table.loc["SYS0002", "tumor_diameter_cm"] == 3.2
    assert table["os_days"].max() == 4165
    told = " ".join(done.notes)
    assert "693 of 787 times are not whole days" in told
    assert "'vascular_invasion' is the same in all patients" in told
    assert "largest value (121000 ng/mL) in 31 rows" in told
    assert "smallest value (0 ng/mL) in 32 rows" in told
    assert "largest value (4 lesions) in 488 rows" in told
    assert "vascular_invasion" not in done.predictors["tace"]
    assert "distant_metastasis" in done.predictors["hepatectomy"]
    assert not done.quarantined


def test_its_diameters_declared_as_centimetres_are_refused(realdata, tmp_path):
    text = (MAPPINGS / "sysucc_hcc.yaml").read_text().replace("unit: mm", "unit: cm")
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(CohortRejected, match="mm would fit"):
        import_clinical(realdata / SHEETS["sysucc_hcc"], read_mapping(tmp_path / "wrong.yaml"))


def test_tace_alone_with_survival_in_weeks(cohort, realdata):
    done = cohort("hcc_tace_seg_clinical")
    assert len(done.table) == 105
    assert set(done.table["arm"]) == {"tace"}
    assert done.table["death"].sum() == 93
    assert ((done.table["death"] == 1) & (done.table["os_days"] <= 1095)).sum() == 77
    assert "other_malignancy" not in done.table
    assert "every patient counts as tace" in done.adaptations[0].done
    book = realdata / "hcc_tace_seg_clinical/clinical_data.xlsx"
    mapping = read_mapping(MAPPINGS / "hcc_tace_seg_clinical.yaml")
    pd.testing.assert_frame_equal(import_clinical(book, mapping).table, done.table)


def test_features_without_ids_are_refused_and_read_with_a_list_of_them(realdata, tmp_path):
    folder = realdata / "hcc_tace_deep_radiomics"
    source = MAPPINGS / "hcc_tace_seg_clinical.yaml"
    features = folder / "Sun_Deeps_resnet18_512.csv"
    with pytest.raises(CohortRejected, match="feature_ids to a file") as error:
        import_features(features, read_mapping(source))
    assert error.value.exit_code == 3
    shutil.copy(folder / "row_ids_85.csv", tmp_path)
    keyed = tmp_path / "keyed.yaml"
    keyed.write_text(source.read_text() + "feature_ids: row_ids_85.csv\n")
    mapping = read_mapping(keyed)
    done = import_features(features, mapping)
    assert done.features.shape == (85, 512)
    assert not done.left_out
    clinical = import_clinical(realdata / SHEETS["hcc_tace_seg_clinical"], mapping)
    assert len(clinical.table.index.difference(done.features.index)) == 20
    assert not len(done.features.index.difference(clinical.table.index))


def test_months_and_other_codings(cohort):
    done = cohort("hepatocellular_asaur")
    assert len(done.table) == 227
    assert done.table["death"].sum() == 97
    np.testing.assert_allclose(done.table["os_days"].agg(["min", "max"]), [60.875, 2526.3125])
    assert any("30.4375" in said.done for said in done.adaptations)
    assert any("counts as hepatectomy" in said.done for said in done.adaptations)
    assert done.table["sex"].value_counts().to_dict() == {"male": 197, "female": 30}


def test_a_transplant_is_no_death_and_conventional_units_are_converted(cohort):
    done = cohort("pbc_mayo")
    assert done.table["death"].sum() == 161
    first = done.table.iloc[0]
    assert (first["albumin_g_per_l"], first["bilirubin_umol_per_l"]) == (26.0, 248.008)
    grades = albi_grade(
        albi_score(done.table["bilirubin_umol_per_l"], done.table["albumin_g_per_l"])
    )
    assert set(grades) == {"1", "2", "3"}
    assert done.table["ascites"].isna().sum() == 106
    assert "ascites" not in done.predictors["hepatectomy"]
    assert any("2 codings" in note and "censored" in note for note in done.notes)


@pytest.mark.parametrize("name", sorted(SHEETS))
def test_a_draft_of_each_names_what_it_should(realdata, name):
    text = draft_mapping(realdata / SHEETS[name])
    for key in ("patient_id:\n  column: ", "follow_up:", "death:", "  age_years:"):
        assert key in text
    assert "  column:  " not in text.split("arm:")[0]
