"""Whatever stands in a cell or in a file: a sentence or a value, never a traceback."""

import shutil

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.errors import ArmwiseError
from components.intake.cells import read_date, read_number, unit_apart
from components.intake.clinical_import import import_clinical
from components.intake.mapping import read_mapping
from tests.faults.damage import judge, pseudonym, without_images
from tests.faults.hospital import LEVELS, NUMBERS, write_hospital

COLUMNS = [*LEVELS, *NUMBERS, "MRN", "therapy", "treated", "scanned", "os", "status", "cancer"]
ANYTHING = st.text(max_size=12) | st.sampled_from(
    ["-", "NaN", "1e400", "-0", "１２", "٣", "1.2.3", "<", "<1", "<<1", "1 000", "0x1F", "'", "=A1"]
)


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    made = write_hospital(tmp_path_factory.mktemp("random") / "export", n=6)
    shutil.copytree(made.root, made.root.parent / "images")
    without_images(made)
    return made


@given(cell=ANYTHING | st.none() | st.floats() | st.integers() | st.booleans())
def test_any_cell_is_a_number_a_date_a_unit_or_said_to_be_none(cell):
    value, _, fault = read_number(cell, ".")
    assert np.isfinite(value) != bool(fault)
    day, _ = read_date(cell, "%d/%m/%Y")
    assert day is None or day.year >= 1
    number, unit = unit_apart(cell)
    assert number == cell or unit or (number != number)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(COLUMNS), text=ANYTHING, place=st.integers(0, 5))
def test_any_text_in_any_cell_costs_nobody_else_his_place(hospital, tmp_path, column, text, place):
    table = hospital.sheet()
    table.loc[place, column] = text
    path = tmp_path / "clinical.csv"
    table.to_csv(path, index=False)
    mapping = read_mapping(hospital.mapping_path)
    done = import_clinical(path, mapping, pseudonym=lambda one: f"Q-{one}")
    changed = f"Q-{table.loc[place, 'MRN']}"
    expected = {f"Q-{one}" for one in hospital.ids} - {f"Q-{hospital.ids[place]}", changed}
    held = {one.patient_id for one in done.quarantined}
    assert expected <= set(done.table.index)
    assert not held & expected or column == "MRN"


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_bytes_in_an_image_cost_its_patient_at_most(hospital, tmp_path, data):
    root = tmp_path / "export"
    study = tmp_path / "study"
    shutil.rmtree(root, ignore_errors=True)
    shutil.rmtree(study, ignore_errors=True)
    shutil.copytree(hospital.root.parent / "images", root)
    damaged = type(hospital)(root, hospital.ids)
    place = data.draw(st.integers(0, 5), label="patient")
    path = data.draw(
        st.sampled_from(
            [
                damaged.volume_path(place, "art"),
                damaged.volume_path(place, "pv"),
                damaged.roi_path(place),
            ]
        ),
        label="file",
    )
    whole = bytearray(path.read_bytes())
    start = data.draw(st.integers(0, len(whole) - 1), label="from")
    patch = data.draw(st.binary(min_size=1, max_size=40), label="bytes")
    whole[start : start + len(patch)] = patch
    path.write_bytes(bytes(whole))
    try:
        verdict = judge(damaged, study)
    except ArmwiseError as error:  # pragma: no cover - judge answers in words
        pytest.fail(str(error))
    assert verdict.refused is None
    assert set(verdict.reasons) <= {pseudonym(damaged, place)}
