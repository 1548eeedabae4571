"""A small clinical sheet with its mapping, spoiled by each test in its own way."""

import os
from pathlib import Path

import pandas as pd
import pytest
import yaml

from components.intake.clinical_import import import_clinical
from components.intake.mapping import read_mapping

MAPPING = {
    "study": {"id": "ward-7", "title": "Ward 7"},
    "patient_id": {"column": "case"},
    "arm": {"column": "therapy", "levels": {"hepatectomy": ["resection"], "tace": ["TACE"]}},
    "follow_up": {"column": "os", "unit": "days"},
    "death": {"column": "status", "dead": [1], "censored": [0]},
    "predictors": {
        "sex": {"column": "sex", "levels": {"male": ["M"], "female": ["F"]}},
        "tumor_diameter_cm": {"column": "size", "unit": "cm"},
        "afp_ng_ml": {"column": "afp", "unit": "ng/mL", "label": "AFP"},
    },
    "eligibility": {"other_malignancy": {"column": "cancer", "yes": ["y"], "no": ["n"]}},
}


def rows(n=12):
    """A clean sheet of `n` patients, every cell as text."""
    return pd.DataFrame(
        {
            "case": [f"P{number:02d}" for number in range(n)],
            "therapy": ["resection" if number % 2 else "TACE" for number in range(n)],
            "os": [str(100 + 37 * number) for number in range(n)],
            "status": [str(number % 3 % 2) for number in range(n)],
            "sex": ["M" if number % 3 else "F" for number in range(n)],
            "size": [f"{2 + number % 20 * 0.5:.1f}" for number in range(n)],
            "afp": [f"{3 + number * 11.5:.1f}" for number in range(n)],
            "cancer": ["y" if number == 4 else "n" for number in range(n)],
        }
    )


@pytest.fixture
def sheet():
    return rows()


@pytest.fixture
def mapped(tmp_path):
    """Writes a mapping, changed by the given keys (None takes one out), and reads it."""

    def read(**changes):
        content = {**MAPPING, **changes}
        content = {key: value for key, value in content.items() if value is not None}
        path = tmp_path / "columns.yaml"
        path.write_text(
            yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
        return read_mapping(path)

    return read


@pytest.fixture
def imported(tmp_path, mapped):
    """Imports a sheet as a user would: from a CSV file, by a mapping file."""

    def run(sheet, **changes):
        path = tmp_path / "clinical.csv"
        sheet.to_csv(path, index=False)
        return import_clinical(path, mapped(**changes))

    return run


@pytest.fixture(scope="session")
def realdata():
    folder = os.environ.get("ARMWISE_REALDATA")
    if not folder:
        pytest.skip("ARMWISE_REALDATA names no folder of real cohorts")
    return Path(folder)
