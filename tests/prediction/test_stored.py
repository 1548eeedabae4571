"""Records read back: an unknown kind or version is refused."""

import json

import pytest

from components.errors import IntegrityError
from components.nomogram.nomogram import Nomogram
from components.prediction.stored import read_stored
from components.study.vocabulary import TreatmentArm


@pytest.fixture
def stored(nomograms, tmp_path):
    path = tmp_path / "nomogram.json"
    path.write_text(nomograms[TreatmentArm.TACE].to_json(), encoding="utf-8")
    return path


def test_what_was_written_is_read(stored, nomograms):
    assert read_stored(stored, Nomogram) == nomograms[TreatmentArm.TACE]


@pytest.mark.parametrize("schema", ["armwise.nomogram/2", "armwise.signature/1", None])
def test_an_unknown_schema_is_refused(stored, schema):
    content = {**json.loads(stored.read_text()), "schema": schema}
    stored.write_text(json.dumps(content))

    with pytest.raises(IntegrityError, match=r"reads armwise\.nomogram/1"):
        read_stored(stored, Nomogram)


@pytest.mark.parametrize("text", ["", "[]", "{}", "not JSON"])
def test_a_damaged_file_is_an_integrity_error(stored, text):
    stored.write_text(text)

    with pytest.raises(IntegrityError, match="damaged"):
        read_stored(stored, Nomogram)


def test_a_field_too_few_is_named(stored):
    content = json.loads(stored.read_text())
    del content["points_per_unit"]
    stored.write_text(json.dumps(content))

    with pytest.raises(IntegrityError, match="points_per_unit"):
        read_stored(stored, Nomogram)


def test_a_missing_file_is_an_integrity_error(tmp_path):
    with pytest.raises(IntegrityError, match="found none"):
        read_stored(tmp_path / "absent.json", Nomogram)
