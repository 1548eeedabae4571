"""The report on imputation, elimination and splines."""

import pytest

from components.reporting.blocks import Prose
from components.reporting.imputation_section import predictor_blocks
from components.reporting.wording import significant
from components.study.vocabulary import ModelKind
from tests.arms.conftest import draw_arm, fit, protocol
from tests.arms.test_imputing import with_gaps

__all__ = ["protocol"]
CLINICAL = ModelKind.CLINICAL


def models_of(protocol, table, test, **changes):
    imputation = protocol.clinical.imputation.model_copy(update={"imputations": 2, "iterations": 2})
    section = protocol.clinical.model_copy(
        update={"imputation": imputation, "ridge_penalties": (1.0,), "cv_folds": 3, **changes}
    )
    return fit(protocol, table, test, clinical=section)


@pytest.fixture(scope="module")
def patients():
    return draw_arm(150, seed=11, prefix="TR"), draw_arm(40, seed=12, prefix="TE")


def test_what_imputation_adds_stands_beside_each_coefficient(protocol, patients):
    train, test = patients
    models = models_of(protocol, with_gaps(train, seed=1), test)
    (block,) = predictor_blocks(models)
    rows = {row[0]: row for row in block.table.rows if len(row) > 1}
    diameter = rows["Tumor diameter (each cm)"]
    found = next(
        one
        for one in models.imputation.coefficients[ModelKind.COMBINED]
        if one.column == "tumor_diameter_cm"
    )
    assert diameter[1] == significant(found.coefficient)
    assert diameter[5] == f"{100 * found.share_of_imputation:.1f}%"
    assert diameter[7] == significant(found.complete_coefficient)
    assert [row[0] for row in block.table.rows if len(row) == 1] == [
        "Clinical model",
        "Combined model",
    ]
    notes = " ".join(block.table.notes)
    assert "chained equations" in notes
    assert f"Tumor diameter {models.imputation.missing_train['tumor_diameter_cm']}" in notes
    assert any("chained equations" in note for note in models.notes)


def test_gaps_of_test_patients_alone_are_one_sentence(protocol, patients):
    train, test = patients
    (block,) = predictor_blocks(models_of(protocol, train, with_gaps(test, seed=2)))
    assert isinstance(block, Prose)
    assert "0 of 150 training" in block.text


def test_without_anything_to_say_there_is_no_block(protocol, patients):
    assert predictor_blocks(models_of(protocol, *patients)) == []


def test_elimination_and_splines_have_their_tables(protocol, patients):
    models = models_of(protocol, *patients, method="backward_aic", splines={"tumor_diameter_cm": 3})
    elimination, *others = predictor_blocks(models)
    steps = models.elimination.steps
    assert [row[2] for row in elimination.table.rows] == [f"{one.aic:.2f}" for one in steps]
    assert bool(others) == ("tumor_diameter_cm" in models.elimination.kept)
    bent = models_of(protocol, *patients, splines={"tumor_diameter_cm": 3})
    (splines,) = predictor_blocks(bent)
    assert splines.table.rows[0][0] == "Tumor diameter"
    assert len(splines.table.rows[0][1].split(", ")) == 3
