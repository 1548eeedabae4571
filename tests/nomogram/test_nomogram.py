"""Points, survival and the JSON of a nomogram."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import CohortRejected, IntegrityError, UsageError
from components.nomogram.build import check_survival
from components.nomogram.nomogram import Nomogram, survival_column

AXES = ("pretty", "data_range")


@pytest.mark.parametrize("axes", AXES)
def test_survival_along_the_total_axis_is_that_of_r(case, axes):
    nomogram = case.nomogram(axes)
    dense = case.r[f"axes_{axes}"]["dense"]
    assert nomogram.linear_predictor(dense["total_points"]) == pytest.approx(
        dense["lp"], rel=1e-8, abs=1e-10
    )
    for days, r in zip(case.times, dense["surv"], strict=True):
        assert nomogram.survival(dense["total_points"], days) == pytest.approx(r, rel=1e-8)


@pytest.mark.parametrize("axes", AXES)
def test_patients_have_the_points_and_survival_that_r_gives_them(case, axes):
    answer = case.nomogram(axes).predict(case.table.head(20))
    r = case.r["patients_first20"]
    assert answer["total_points"].to_numpy() == pytest.approx(r[f"total_points_{axes}"], rel=1e-8)
    assert answer["linear_predictor"].to_numpy() == pytest.approx(r["lp"], rel=1e-8, abs=1e-10)
    for days, expected in zip(case.times, r["surv"], strict=True):
        assert answer[survival_column(days)].to_numpy() == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize("axes", AXES)
def test_survival_is_that_of_the_cox_model(case, axes):
    answer = case.nomogram(axes).predict(case.table)
    fitted = case.model.survival_at(case.model.linear_predictor(case.table), case.times)
    read = answer[[survival_column(days) for days in case.times]].to_numpy()
    assert np.max(np.abs(read - fitted)) < 1e-9


def test_points_add_up(case):
    points = case.nomogram("pretty").points(case.table)
    parts = points.drop(columns="total_points")
    assert list(parts.columns) == [predictor.name for predictor in case.model.predictors]
    assert parts.sum(axis=1).to_numpy() == pytest.approx(points["total_points"].to_numpy())
    assert parts.to_numpy().min() >= 0  # pretty axes cover the training patients
    assert parts.to_numpy().max() <= 100 + 1e-9


def test_the_reading_error_is_what_reading_to_a_tenth_costs(case):
    nomogram = case.nomogram("pretty")
    error = nomogram.reading_error
    assert error is not None
    points = nomogram.points(case.table)
    read = (points.drop(columns="total_points") * 10).round() / 10
    off = np.concatenate(
        [
            nomogram.survival(read.sum(axis=1), days)
            - nomogram.survival(points["total_points"], days)
            for days in case.times
        ]
    )
    assert error.largest == pytest.approx(np.abs(off).max(), rel=1e-9)
    assert error.rms == pytest.approx(np.sqrt((off**2).mean()), rel=1e-9)
    assert error.n == len(case.table)
    assert 0 < error.rms < error.largest < 0.005  # tenths cost at most half a percentage point


def test_a_nomogram_is_json_and_back(case):
    nomogram = case.nomogram("pretty")
    text = nomogram.to_json()
    assert json.loads(text)["schema"] == "armwise.nomogram/1"
    again = Nomogram.from_json(text)
    assert again == nomogram
    pd.testing.assert_frame_equal(again.predict(case.table), nomogram.predict(case.table))


def test_an_unknown_schema_is_refused(pbc):
    text = pbc.nomogram("pretty").to_json().replace("armwise.nomogram/1", "armwise.nomogram/2")
    with pytest.raises(ValueError, match=r"armwise\.nomogram/1"):
        Nomogram.from_json(text)


def test_a_horizon_without_an_axis_is_refused_with_its_reason(pbc):
    nomogram = pbc.nomogram("pretty").model_copy(update={"not_estimable": {3650: "too few seen"}})
    with pytest.raises(UsageError, match="3650 days is not estimable: too few seen"):
        nomogram.survival([100.0], 3650)
    with pytest.raises(UsageError, match="no horizon of the study"):
        nomogram.survival([100.0], 17)


def test_a_horizon_beyond_follow_up_cannot_be_built(pbc):
    with pytest.raises(UsageError, match="exceeds the follow-up"):
        type(pbc)(pbc.r, (365, 99999), pbc.table, pbc.model).nomogram("pretty")


def test_a_nomogram_that_disagrees_with_its_model_is_refused(pbc):
    nomogram = pbc.nomogram("pretty")
    shifted = nomogram.model_copy(update={"lp_at_zero_points": nomogram.lp_at_zero_points + 1e-7})
    with pytest.raises(IntegrityError, match="differs from the Cox model's"):
        check_survival(shifted, pbc.table)


def test_a_missing_predictor_and_an_unknown_level_are_named_without_their_cells(pbc):
    nomogram = pbc.nomogram("pretty")
    with pytest.raises(CohortRejected, match="albumin"):
        nomogram.predict(pbc.table.drop(columns="albumin"))
    strange = pbc.table.head(1).assign(sex="secret")
    with pytest.raises(CohortRejected, match="sex") as caught:
        nomogram.predict(strange)
    assert "secret" not in str(caught.value)


def test_survival_falls_with_points(case):
    nomogram = case.nomogram("pretty")
    grid = np.linspace(*nomogram.total_points_range, 50)
    for days in case.times:
        assert np.all(np.diff(nomogram.survival(grid, days)) < 0)


@given(probability=st.floats(0.001, 0.999), which=st.integers(0, 2))
def test_probability_to_points_and_back(pbc_nomogram, probability, which):
    days = pbc_nomogram.horizons_days[which]
    total = pbc_nomogram.total_points_at(probability, days)
    assert pbc_nomogram.survival([total], days)[0] == pytest.approx(probability, abs=1e-10)


@given(
    log_bili=st.floats(-3, 5),
    albumin=st.floats(1, 6),
    edema=st.sampled_from(["0", "0.5", "1"]),
    sex=st.sampled_from(["f", "m"]),
)
def test_any_patient_has_the_survival_of_the_cox_model(pbc_nomogram, log_bili, albumin, edema, sex):
    """Beyond the axes too: the points go on along the same line."""
    row = pd.DataFrame({"log_bili": [log_bili], "albumin": [albumin], "edema": edema, "sex": sex})
    model, horizons = pbc_nomogram.model, pbc_nomogram.horizons_days
    fitted = model.survival_at(model.linear_predictor(row), horizons)[0]
    read = pbc_nomogram.predict(row)[[survival_column(days) for days in horizons]].to_numpy()[0]
    assert read == pytest.approx(fitted, abs=1e-9)
