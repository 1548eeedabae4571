import re
from pathlib import Path

import pytest

from components.cohort.schema import PREDICTORS
from components.errors import UsageError
from components.intake.mapping import ColumnMapping, read_mapping
from components.intake.units import UNITS
from components.study.vocabulary import TreatmentArm
from tests.intake.conftest import MAPPING


def test_scalars_stay_text_and_one_cell_value_needs_no_brackets(tmp_path):
    path = tmp_path / "columns.yaml"
    path.write_text(
        "study: {id: w, title: W}\npatient_id: {column: 1}\narm: {constant: tace}\n"
        "follow_up: {column: t, unit: days}\ndeath: {column: no, dead: yes, censored: no}\n"
        "predictors: {cirrhosis: {column: c, levels: {absent: off, present: 1.0}}}\n"
    )
    mapping = read_mapping(path)
    assert mapping.patient_id.column == "1"
    assert (mapping.death.column, mapping.death.dead) == ("no", ("yes",))
    assert mapping.predictors["cirrhosis"].levels == {"absent": ("off",), "present": ("1.0",)}
    assert ColumnMapping.from_json(mapping.to_json()) == mapping


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"centre": {"column": "x"}}, r"centre: no such key \(did you mean 'center'\?\)"),
        ({"death": {"column": "s", "dead": [1]}}, "death.censored: is blank or missing"),
        ({"death": {"column": "s", "dead": [], "censored": [1]}}, "dead: expected at least 1, fo"),
        ({"death": {"column": "s", "dead": [1], "censored": [1.0]}}, "'1' stands under two levels"),
        ({"study": {"id": "Ward 7", "title": "x"}}, "study.id"),
        ({"arm": {"constant": "ablation"}}, "arm.constant.*hepatectomy"),
        ({"arm": {"column": "a"}}, "arm: 'levels' says"),
        ({"arm": {"column": "a", "constant": "tace"}}, "either 'column' with 'levels', or"),
        ({"follow_up": {"column": "os", "unit": "fortnights"}}, "days, weeks, months, years"),
        ({"follow_up": {"column": "os", "start": "d"}}, "or 'start' and 'end'"),
        ({"follow_up": {"start": "a", "end": "b", "unit": "days"}}, "dates give days"),
        ({"models": ["size"]}, "models.hepatectomy: 'size' is not mapped"),
        ({"models": {"tace": ["sexx"]}}, r"'sexx' is not mapped.*did you mean 'sex'"),
        ({"header_row": 0}, "header_row"),
        ({"feature_ids": "f.csv", "features": {"id_column": "id"}}, "keep one of the two"),
        ({"eligibility": {"sex": {"column": "s"}}}, "eligibility.sex: is mapped under predictors"),
        ({"eligibility": {"fit": {"column": "s"}}}, "eligibility.fit: no rule reads it"),
        ({"eligibility": {"hcc_confirmed": {"column": "s"}}}, "expected 'yes' and 'no'"),
    ],
)
def test_what_cannot_be_meant_names_file_and_key(mapped, change, said):
    with pytest.raises(UsageError, match=said) as error:
        mapped(**change)
    assert error.value.exit_code == 2
    assert "columns.yaml" in str(error.value)


@pytest.mark.parametrize(
    ("name", "source", "said"),
    [
        ("tumor_diameter_cm", {"column": "s"}, "tumor_diameter_cm.unit: expected one of cm, mm"),
        ("tumor_diameter_cm", {"column": "s", "unit": "inch"}, "expected one of cm, mm"),
        ("tumor_diameter_cm", {"column": "s", "unit": "cm", "lower": 1}, "armwise defines it"),
        ("tumor_diameter_cm", {"column": "s", "levels": {"a": [1]}}, "is a number in cm"),
        ("sex", {"column": "s", "levels": {"man": ["m"]}}, "'man' is none of male, female"),
        ("sex", {"column": "s", "unit": "cm"}, "levels have none"),
        ("sex", {"column": "s", "levels": {"male": [], "female": []}}, "all are empty"),
        ("own", {"column": "s"}, "predictors.own.unit: expected its unit"),
        ("own", {"column": "s", "kind": "categorical"}, "two levels or more"),
        ("own", {"column": "s", "unit": "kg", "lower": 9, "upper": 1}, "less than upper"),
        ("Own Name", {"column": "s", "unit": "kg"}, "small letters"),
        ("dl_signature", {"column": "s", "unit": "SD"}, "not one of armwise's own"),
    ],
)
def test_a_predictor_that_cannot_be_meant_names_its_key(mapped, name, source, said):
    with pytest.raises(UsageError, match=said):
        mapped(predictors={name: source})


def test_several_faults_come_in_one_message(mapped):
    with pytest.raises(UsageError) as error:
        mapped(death=None, extra={"a": 1}, header_row=-1)
    assert all(key in str(error.value) for key in ("death", "extra", "header_row"))


def test_no_file_no_yaml_no_mapping_and_a_key_twice(tmp_path):
    path = tmp_path / "columns.yaml"
    with pytest.raises(UsageError, match=r"found none; `armwise columns` drafts one"):
        read_mapping(path)
    for text, said in [
        ("a: [", "expected YAML"),
        ("- a", "expected the keys"),
        ("", "expected the keys"),
        ("arm: {constant: tace}\narm: {constant: tace}\n", "'arm' stands twice"),
        ("a: !!python/object/apply:os.system [true]", "expected YAML"),
    ]:
        path.write_text(text)
        with pytest.raises(UsageError, match=said):
            read_mapping(path)


def test_models_by_one_list_or_by_arm(mapped):
    assert mapped().models is None
    assert mapped(models=["sex"]).models == dict.fromkeys(TreatmentArm, ("sex",))
    assert mapped(models={"tace": ["sex"]}).models == {TreatmentArm.TACE: ("sex",)}


def test_feature_ids_are_sought_beside_the_mapping(mapped, tmp_path):
    assert mapped(feature_ids="rows.csv").feature_ids.file == str(tmp_path / "rows.csv")
    listed = mapped(feature_ids={"file": "rows.csv", "column": "id"}).feature_ids
    assert listed.column == "id"


def test_a_study_s_own_predictor_is_declared(mapped):
    mapping = mapped()
    own = mapping.predictors["afp_ng_ml"].variable("afp_ng_ml")
    assert (own.label, own.kind, own.unit) == ("AFP", "continuous", "ng/mL")
    assert mapping.predictors["sex"].variable("sex").levels == ("male", "female")


def test_the_sheet_s_columns_that_a_mapping_needs(mapped):
    assert set(mapped().sheet_columns().values()) == {
        "case", "therapy", "os", "status", "sex", "size", "afp", "cancer",
    }  # fmt: skip
    assert MAPPING["predictors"].keys() == mapped().predictors.keys()


REFERENCE = Path(__file__).parents[2] / "docs/reference/mapping.md"


def test_the_example_of_the_reference_loads(tmp_path):
    text = REFERENCE.read_text(encoding="utf-8")
    path = tmp_path / "example.yaml"
    path.write_text(text.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    mapping = read_mapping(path)
    assert mapping.predictors["portal_vein"].levels == {"absent": ("0",), "present": ("1",)}
    assert set(type(mapping).model_fields) - {"models"} <= set(re.findall(r"\w+", text))


def test_the_reference_names_every_predictor_and_unit():
    text = REFERENCE.read_text(encoding="utf-8")
    for name in PREDICTORS:
        assert f"`{name}`" in text
    for units in UNITS.values():
        for unit in units:
            assert unit in text
