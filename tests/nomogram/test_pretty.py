"""`pretty` against R's cases and as a property of any range."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import UsageError
from components.nomogram.pretty import pretty

STORED = Path(__file__).parents[1] / "reference" / "values" / "pbc" / "nomogram.json"
CASES = json.loads(STORED.read_text(encoding="utf-8"))["pretty_cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["range"]))
@pytest.mark.parametrize("n", [5, 10])
def test_values_are_those_of_r(case, n):
    assert pretty(*case["range"], n) == pytest.approx(case[f"n{n}"], rel=1e-12, abs=1e-15)


def test_values_are_written_without_binary_dust():
    assert pretty(0, 1, 10) == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert math.copysign(1, pretty(-3.2, -0.4, 10)[-1]) == 1  # 0, not -0


@given(
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-2, 1e6),
    n=st.integers(2, 20),
)
def test_any_range_is_covered_by_about_n_round_steps(low, width, n):
    values = pretty(low, low + width, n)
    steps = np.diff(values)
    slack = 1e-9 * steps[0]
    assert values[0] <= low + slack
    assert values[-1] >= low + width - slack
    assert values[1] > low - slack  # no whole step is wasted at either end
    assert values[-2] < low + width + slack
    assert steps == pytest.approx(steps[0], rel=1e-6)
    mantissa = steps[0] / 10 ** math.floor(math.log10(steps[0]) + 1e-9)
    assert min(abs(mantissa - unit) for unit in (1, 2, 5, 10)) < 1e-5
    # The unit is at most 10/7 and 25/14 of a cell, and at least a cell over 1.4.
    assert width / n / 1.45 <= steps[0] * (1 + 1e-9)
    assert steps[0] <= width / n * 1.8


@given(
    low=st.floats(-1e3, 1e3),
    width=st.floats(1e-2, 1e3),
    n=st.integers(2, 20),
    power=st.integers(-3, 3),
)
def test_values_scale_with_powers_of_ten(low, width, n, power):
    scale = 10.0**power
    scaled = pretty(low * scale, (low + width) * scale, n)
    plain = pretty(low, low + width, n)
    if len(scaled) == len(plain):  # a cell on the border of two units may fall to either side
        assert np.array(scaled) == pytest.approx(np.array(plain) * scale, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("low", "high", "n"), [(1, 1, 5), (2, 1, 5), (0, math.inf, 5), (math.nan, 1, 5), (0, 1, 0)]
)
def test_a_range_that_has_no_ticks_is_refused(low, high, n):
    with pytest.raises(UsageError, match="low < high"):
        pretty(low, high, n)
