import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import CohortRejected, UsageError
from components.survival.cox import CoxModel, fit_cox_model
from components.survival.design import Predictor, column_names, design_matrix, nonlinear_columns
from components.survival.linearity import linearity_test
from components.survival.splines import spline_basis, spline_knots
from components.survival.target import SurvivalTarget

KNOTS = (1.0, 2.5, 4.0, 7.0)


@settings(deadline=None, max_examples=25)
@given(b=st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_the_curve_is_smooth_and_straight_beyond_the_outer_knots(b):
    def curve(x):
        return spline_basis(np.asarray(x, dtype=float), KNOTS) @ np.array(b)

    for outside in ([-5, -3, -1, 1], [7, 8, 9, 10]):
        np.testing.assert_allclose(np.diff(curve(outside), 2), 0.0, atol=1e-9)
    h = 1e-4
    for knot in KNOTS:
        left, right = np.diff(curve([knot - 2 * h, knot - h, knot, knot + h, knot + 2 * h]), 2)[
            [0, 2]
        ]
        assert abs(left - right) / h**2 < 0.05


def test_the_first_column_is_the_value_and_the_others_are_on_its_scale():
    x = np.linspace(0, 10, 101)
    basis = spline_basis(x, KNOTS)
    np.testing.assert_array_equal(basis[:, 0], x)
    assert (basis[x <= KNOTS[0], 1:] == 0).all()
    np.testing.assert_allclose(spline_basis(x * 30, [30 * k for k in KNOTS]), 30 * basis)


def test_default_knots_are_quantiles_and_the_fifth_from_the_ends_of_few():
    many = np.arange(1001.0)
    assert spline_knots(many, 3) == pytest.approx((100, 500, 900))
    assert spline_knots(many, 4) == pytest.approx((50, 350, 650, 950))
    assert spline_knots(many, 7)[0] == pytest.approx(25)
    few = np.append(np.arange(50.0), np.nan)
    assert spline_knots(few, 5)[0] == 4.0
    assert spline_knots(few, 5)[-1] == 45.0
    heaped = np.concatenate([np.zeros(300), np.arange(1.0, 701)])
    assert spline_knots(heaped, 3)[0] == 1.0


@pytest.mark.parametrize("n_knots", [2, 8])
def test_three_to_seven_knots(n_knots):
    with pytest.raises(UsageError, match=f"3 to 7 knots of a spline, came {n_knots}"):
        spline_knots(np.arange(100.0), n_knots)


def test_too_few_distinct_values_are_refused_by_name():
    with pytest.raises(CohortRejected, match=r"'grade': 3 knots .* in 90 values, 3 of"):
        spline_knots(np.tile([1.0, 2.0, 3.0], 30), 3, name="grade")
    mostly_one = np.concatenate([np.full(90, 5.0), np.arange(10.0) * 10])
    with pytest.raises(CohortRejected, match="knots cannot be placed"):
        spline_knots(mostly_one, 4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "continuous", "knots": (1.0, 3.0)}, "at least 3 ascending knots, came 1, 3"),
        ({"kind": "continuous", "knots": (1.0, 3.0, 3.0)}, "ascending knots"),
        ({"kind": "categorical", "levels": ("A", "B"), "knots": KNOTS}, "has levels"),
    ],
)
def test_a_predictor_refuses_knots_that_make_no_spline(fields, message):
    with pytest.raises(UsageError, match=message):
        Predictor(name="age", label="Age", **fields)


def test_a_spline_predictor_spans_its_columns():
    age = Predictor(name="age", label="Age", kind="continuous", knots=KNOTS)
    assert column_names([age]) == ("age", "age'", "age''")
    assert nonlinear_columns(age) == ("age'", "age''")
    assert nonlinear_columns(Predictor(name="age", label="Age", kind="continuous")) == ()
    table = pd.DataFrame({"age": [0.0, 3.0, 8.0]})
    np.testing.assert_array_equal(design_matrix(table, [age]), spline_basis(table["age"], KNOTS))


def test_linearity_is_rejected_of_a_curve_only():
    rng = np.random.default_rng(11)
    x = rng.uniform(-2, 2, size=(500, 2))
    time = rng.exponential(np.exp(-(x[:, 0] ** 2) - x[:, 1]))
    target = SurvivalTarget.of(np.minimum(time, 3) + 1e-3, time < 3)
    table = pd.DataFrame(x, columns=["bent", "straight"])
    predictors = [
        Predictor(name=name, label=name, kind="continuous", knots=spline_knots(table[name], 4))
        for name in table
    ]
    model = fit_cox_model(table, predictors, target)
    assert CoxModel.from_json(model.to_json()) == model
    bent, straight = (linearity_test(model, name) for name in table)
    assert (bent.df, straight.df) == (2, 2)
    assert bent.p < 1e-6
    assert straight.p > 0.01
    with pytest.raises(UsageError, match="came 'age'; those of this model: bent, straight"):
        linearity_test(model, "age")
