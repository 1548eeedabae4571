"""The first split of a dataset, and the step that completes it for those who came later."""

import json

import numpy as np
import pandas as pd
import pytest

from components.cohort.dataset import Dataset, DatasetCard
from components.cohort.eligibility import Eligibility
from components.cohort.missingness import Missingness
from components.errors import CohortRejected, UsageError
from components.study.protocol import read_protocol
from components.study.vocabulary import DataOrigin, TreatmentArm
from flows.first_split import draw_first_split
from flows.settings import PROTOCOLS
from flows.tasks.cohort import prepare_cohort, read_cohort

SOUND = read_protocol(PROTOCOLS / "sound.yaml")
RULES = {
    "random": {},
    "center": {"by": "center", "test_centers": ("south",)},
    "quarter": {"by": "quarter", "first_test_quarter": "2020Q1"},
}


def protocol_by(rule, **cohort):
    split = SOUND.split.model_copy(update=RULES[rule])
    section = SOUND.cohort.model_copy(update=cohort)
    return SOUND.model_copy(update={"split": split, "cohort": section})


@pytest.fixture
def dataset(tmp_path):
    """240 patients of two arms, three centers and three years; one gap in ten albumin cells."""
    rng = np.random.default_rng(6)
    n = 240
    table = pd.DataFrame(
        {
            "patient_id": [f"P{i:03d}" for i in range(n)],
            "arm": np.where(np.arange(n) % 2 == 0, "hepatectomy", "tace"),
            "os_days": rng.exponential(800, n).round() + 1,
            "death": rng.integers(0, 2, n),
            "center": rng.choice(["north", "south", "east"], n, p=[0.5, 0.3, 0.2]),
            "treatment_quarter": rng.choice(["2018Q2", "2019Q4", "2020Q1", "2020Q3"], n),
            "bclc_stage": rng.choice(["A", "B", "C"], n),
            "cirrhosis": rng.choice(["absent", "present"], n),
            "albi_grade": rng.choice(["1", "2"], n),
            "tumor_diameter_cm": rng.uniform(2, 12, n).round(1),
            "tumor_location": rng.choice(["left", "right"], n),
            "albumin_g_per_l": np.where(np.arange(n) % 10 == 0, np.nan, 38.0),
        }
    )
    dataset = Dataset(tmp_path / "data")
    dataset.root.mkdir()
    card = DatasetCard(
        name="small",
        origin=DataOrigin.SYNTHETIC,
        arms=tuple(TreatmentArm),
        units={},
        description="invented",
    )
    dataset.card_path.write_text(card.to_json(), encoding="utf-8")
    table.to_parquet(dataset.clinical_path)
    return dataset


def clinical(dataset):
    return pd.read_parquet(dataset.clinical_path).set_index("patient_id")


def prepared(dataset, protocol, tmp_path, study_key=None):
    return prepare_cohort.fn(
        "cohort",
        "key",
        dataset=dataset,
        protocol=protocol,
        quarantined=(),
        study_key=study_key,
        folder=tmp_path / "cohort",
    )


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_writes_a_split_that_the_step_takes_over(dataset, tmp_path, rule):
    protocol = protocol_by(rule)
    path, counts = draw_first_split(dataset.root, protocol)
    stored = pd.read_parquet(path).set_index("patient_id")["split"]
    table = clinical(dataset)
    expected = {
        "random": None,
        "center": table["center"] == "south",
        "quarter": table["treatment_quarter"] >= "2020Q1",
    }[rule]
    if expected is not None:
        assert ((stored == "test") == expected).all()
    for arm, (n_train, n_test) in counts.items():
        own = stored[table["arm"] == arm.value]
        assert (n_train, n_test) == ((own == "train").sum(), (own == "test").sum())
    result = prepared(dataset, protocol, tmp_path)
    cohort = read_cohort(result)
    assert (cohort["split"] == stored.loc[cohort.index]).all()
    assert not [said for said in result["adaptations"] if said["step"] == "split"]
    with pytest.raises(UsageError, match="nobody moves"):
        draw_first_split(dataset.root, protocol)


def test_later_patients_go_by_the_rule_and_a_new_rule_moves_nobody(dataset, tmp_path):
    draw_first_split(dataset.root, protocol_by("random"))
    before = pd.read_parquet(dataset.split_path).set_index("patient_id")["split"]
    table = pd.read_parquet(dataset.clinical_path)
    more = table.iloc[:4].assign(
        patient_id=["N1", "N2", "N3", "N4"], center=["south", "north", "south", "west"]
    )
    pd.concat([table, more], ignore_index=True).to_parquet(dataset.clinical_path)
    result = prepared(dataset, protocol_by("center"), tmp_path)
    split = read_cohort(result)["split"]
    assert (split.loc[before.index] == before).all()
    assert split.loc[["N1", "N2", "N3", "N4"]].tolist() == ["test", "train", "test", "train"]
    said = next(one for one in result["adaptations"] if one["step"] == "split")
    assert "stay where split.parquet has them" in said["done"]
    with pytest.raises(CohortRejected, match="ARMWISE_STUDY_KEY"):
        prepared(dataset, protocol_by("random"), tmp_path)


def test_an_arm_without_test_patients_after_eligibility_stops_the_step(dataset, tmp_path):
    protocol = protocol_by("center")
    draw_first_split(dataset.root, protocol)
    table = pd.read_parquet(dataset.clinical_path)
    away = (table["center"] == "south") & (table["arm"] == "tace")
    table["hcc_confirmed"] = ~away
    table.to_parquet(dataset.clinical_path)
    with pytest.raises(CohortRejected, match="arm 'tace' has no test patient"):
        prepared(dataset, protocol, tmp_path)


def test_the_step_tells_flow_baseline_by_center_and_what_is_missing(dataset, tmp_path):
    protocol = protocol_by("random")
    draw_first_split(dataset.root, protocol)
    table = pd.read_parquet(dataset.clinical_path)
    table["days_to_data_cut"] = np.where(table["patient_id"] == "P005", 10.0, 900.0)
    table.to_parquet(dataset.clinical_path)
    rule = protocol.eligibility.model_copy(update={"minimum_days_to_data_cut": 365})
    result = prepared(dataset, protocol.model_copy(update={"eligibility": rule}), tmp_path)
    flow = Eligibility.model_validate_json(json.dumps(result["eligibility"]))
    assert [one.patient_id for one in flow.excluded] == ["P005"]
    missing = Missingness.model_validate_json(json.dumps(result["missing"]))
    assert [column.name for column in missing.columns] == ["albumin_g_per_l"]
    assert missing.n_incomplete == 24
    assert result["notes"] == [missing.notable]
    assert "Albumin" in missing.notable
    against, *by_arm = result["tables_one"]
    assert {row["level"] for row in against["rows"] if row["variable"] == "center"} == {
        "east",
        "north",
        "south",
    }
    assert [one["title"] for one in by_arm] == [
        "Hepatectomy: training against test patients",
        "TACE: training against test patients",
    ]
    assert all(any(row["smd"] is not None for row in one["rows"]) for one in by_arm)
