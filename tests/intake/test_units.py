import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.cohort.schema import PREDICTORS
from components.intake.mapping_parts import NUMBER_RULES
from components.intake.units import UNITS, converted, factor, spelled


def test_every_number_of_the_schema_has_its_own_unit_among_those_known():
    for name, variable in PREDICTORS.items():
        if variable.kind != "categorical":
            assert factor(name, variable.unit) == 1, name
    assert set(UNITS) == {
        *(name for name, one in PREDICTORS.items() if one.kind != "categorical"),
        *NUMBER_RULES,
    }


def test_every_typical_median_lies_among_the_measurable_values():
    for variable in PREDICTORS.values():
        if variable.kind == "continuous":
            lower, upper = variable.typical_median
            assert variable.lower <= lower < upper <= variable.upper


@settings(deadline=None)
@given(st.sampled_from([(n, u) for n, units in UNITS.items() for u in units]), st.data())
def test_a_value_goes_to_armwise_s_unit_and_back(pair, data):
    name, unit = pair
    value = data.draw(st.integers(1, 10**6).map(lambda whole: whole / 100))
    by = factor(name, unit)
    there = converted(np.array([value]), by)
    assert there[0] / by == pytest.approx(value, abs=1e-9 / by)


def test_known_conversions():
    assert converted(np.array([32.0]), factor("tumor_diameter_cm", "mm"))[0] == 3.2
    assert converted(np.array([1.0]), factor("bilirubin_umol_per_l", "mg/dL"))[0] == 17.104
    assert converted(np.array([3.5]), factor("albumin_g_per_l", "g/dl"))[0] == 35
    assert converted(np.array([150000.0]), factor("platelets_1e9_per_l", "/uL"))[0] == 150


def test_spellings_of_a_unit_are_one():
    assert spelled("µmol/L") == spelled("μmol/l") == spelled("umol/L")
    assert spelled("10^9/L") == spelled("10⁹/L") == spelled("× 10^9 /L")
    assert factor("inr", "furlongs") is None
