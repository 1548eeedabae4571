import numpy as np
import pytest

from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset, DatasetCard
from components.errors import CohortRejected
from components.study.vocabulary import DataOrigin, TreatmentArm


@pytest.fixture
def dataset(tmp_path, clinical):
    def write(table=clinical):
        table.reset_index().to_parquet(tmp_path / "clinical.parquet")
        return Dataset(tmp_path)

    return write


def test_a_good_table_is_typed(dataset, clinical):
    table = read_clinical(dataset(), predictors=("bclc_stage",))
    assert list(table.index) == list(clinical.index)
    assert table["os_days"].dtype == np.float64
    assert table["hcc_confirmed"].dtype == "boolean"


def test_a_missing_column_is_named(dataset, clinical):
    with pytest.raises(
        CohortRejected, match=r"expected the column albi_grade, found none"
    ) as error:
        read_clinical(dataset(), predictors=("bclc_stage", "albi_grade"))
    assert error.value.exit_code == 3
    with pytest.raises(CohortRejected, match="os_days"):
        read_clinical(dataset(clinical.drop(columns="os_days")), predictors=())


def test_text_where_numbers_belong_names_column_and_patient_but_no_value(dataset, clinical):
    wrong = clinical.assign(albumin_g_per_l=clinical["albumin_g_per_l"].astype(object))
    wrong.loc["P-009", "albumin_g_per_l"] = "secret"
    wrong["albumin_g_per_l"] = wrong["albumin_g_per_l"].astype(str)
    with pytest.raises(CohortRejected, match=r"'albumin_g_per_l'.*P-009") as error:
        read_clinical(dataset(wrong), predictors=())
    assert "secret" not in str(error.value)


def test_an_unreadable_table_is_named(tmp_path):
    (tmp_path / "clinical.parquet").write_bytes(b"no parquet")
    with pytest.raises(CohortRejected, match=r"clinical\.parquet cannot be read"):
        read_clinical(Dataset(tmp_path), predictors=())
    (tmp_path / "clinical.parquet").unlink()
    with pytest.raises(CohortRejected, match="found none"):
        read_clinical(Dataset(tmp_path), predictors=())


def test_grades_stored_as_numbers_are_levels(dataset, clinical):
    table = clinical.assign(albi_grade=2.0)
    assert set(read_clinical(dataset(table), predictors=("albi_grade",))["albi_grade"]) == {"2"}


def test_a_predictor_unknown_to_armwise_is_refused(dataset):
    with pytest.raises(CohortRejected, match="shoe_size"):
        read_clinical(dataset(), predictors=("shoe_size",))


def test_the_card_round_trips_and_says_what_is_wrong(tmp_path):
    card = DatasetCard(
        name="d", origin=DataOrigin.SYNTHETIC, arms=tuple(TreatmentArm), units={}, description="x"
    )
    dataset = Dataset(tmp_path)
    dataset.card_path.write_text(card.to_json(), encoding="utf-8")
    assert dataset.card() == card
    dataset.card_path.write_text('{"name": "d", "origin": "dreamt"}', encoding="utf-8")
    with pytest.raises(CohortRejected, match="origin"):
        dataset.card()
