"""Drift: what has moved is told, what chance moves is not."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.schema import PREDICTORS
from components.monitoring.drift import (
    column_drift,
    compare_tables,
    compare_versions,
    has_more_missing,
    has_moved,
    stability_index,
)

ALBUMIN, STAGE, NUMBER = (
    PREDICTORS[name] for name in ("albumin_g_per_l", "bclc_stage", "tumor_number")
)


def numbers(rng, n, *, mean=40.0, prefix="P"):
    return pd.Series(rng.normal(mean, 5, n), index=[f"{prefix}{number}" for number in range(n)])


def moved(drift):
    return has_moved(drift, limit=0.25, significance=0.001)


def test_a_shift_of_a_standard_deviation_is_found():
    rng = np.random.default_rng(1)
    drift = column_drift(numbers(rng, 300), numbers(rng, 80, mean=35), ALBUMIN)
    assert moved(drift)
    assert drift.smd == pytest.approx(-1, abs=0.2)


def test_another_unit_is_found():
    rng = np.random.default_rng(2)
    cells = numbers(rng, 100)
    drift = column_drift(cells, cells / 10, ALBUMIN)
    assert moved(drift)
    assert drift.psi > 4


def test_small_samples_of_one_population_are_not_told_though_their_index_is_above_the_limit():
    rng = np.random.default_rng(3)
    drifts = [column_drift(numbers(rng, 60), numbers(rng, 30), ALBUMIN) for _ in range(200)]
    assert np.mean([drift.psi > 0.25 for drift in drifts]) > 0.5
    assert sum(moved(drift) for drift in drifts) == 0


def test_the_expected_index_of_one_population_is_subtracted():
    rng = np.random.default_rng(4)
    shares = np.full(10, 0.1)
    found = [
        stability_index(
            rng.multinomial(200, shares).astype(float), rng.multinomial(100, shares).astype(float)
        )[0]
        for _ in range(400)
    ]
    assert np.mean(found) == pytest.approx(9 * (1 / 200 + 1 / 100), rel=0.1)


def test_equal_shares_have_no_index():
    assert stability_index(np.array([50.0, 50.0]), np.array([50.0, 50.0])) == (0.0, 0.0)


def test_an_empty_bin_has_a_finite_index():
    index, excess = stability_index(np.array([60.0, 40.0, 0.0]), np.array([0.0, 40.0, 60.0]))
    assert np.isfinite(index)
    assert 0 < excess < index


def test_levels_are_compared_by_their_shares():
    old = pd.Series(["A"] * 60 + ["B"] * 40)
    new = pd.Series(["A"] * 20 + ["B"] * 80)
    drift = column_drift(old, new, STAGE)
    assert [(one.level, one.reference, one.current) for one in drift.levels] == [
        ("A", 0.6, 0.2),
        ("B", 0.4, 0.8),
    ]
    assert moved(drift)
    # 2 x 2 counts of 60, 40, 20, 80: chi-square 33.33, w = sqrt(33.33 / 200).
    assert drift.smd == pytest.approx(np.sqrt(100 / 3 / 200))


def test_a_level_of_no_codebook_is_another_and_its_text_is_not_kept():
    old = pd.Series(["A"] * 30)
    new = pd.Series(["A"] * 29 + ["Zhang San"])
    drift = column_drift(old, new, STAGE)
    assert drift.new_levels == ("another",)
    assert "Zhang" not in drift.to_json()


def test_empty_cells_are_compared():
    old, new = pd.Series([1.0] * 95 + [np.nan] * 5), pd.Series([1.0] * 60 + [np.nan] * 40)
    drift = column_drift(old, new, NUMBER)
    assert (drift.reference_missing, drift.current_missing) == (0.05, 0.4)
    assert has_more_missing(drift, limit=0.1, significance=0.001)
    assert not has_more_missing(drift, limit=0.5, significance=0.001)
    assert not has_more_missing(column_drift(old, old, NUMBER), limit=0.0, significance=0.01)


def test_few_cells_are_not_compared():
    drift = column_drift(pd.Series(np.arange(50.0)), pd.Series(np.arange(19.0)), ALBUMIN)
    assert drift.psi is None
    assert moved(drift) is None
    assert drift.note == "19 known cells, fewer than 20"


def test_a_column_without_variance_is_compared():
    drift = column_drift(pd.Series([1.0] * 40), pd.Series([1.0] * 40), NUMBER)
    assert (drift.psi, drift.smd) == (0.0, None)
    assert not moved(drift)


def test_only_columns_of_both_tables_are_compared():
    rng = np.random.default_rng(5)
    old = pd.DataFrame({"albumin_g_per_l": rng.normal(size=30), "bclc_stage": "A"})
    report = compare_tables(old, old.drop(columns="bclc_stage"), [ALBUMIN, STAGE, NUMBER])
    assert [one.column for one in report.columns] == ["albumin_g_per_l"]


def test_those_who_joined_are_compared_apart():
    rng = np.random.default_rng(6)
    old = pd.DataFrame({"albumin_g_per_l": numbers(rng, 300)})
    joined = pd.DataFrame({"albumin_g_per_l": numbers(rng, 40, mean=33, prefix="N")})
    everyone, newest = compare_versions(old, pd.concat([old, joined]), [ALBUMIN])
    assert (everyone.population, everyone.n_current) == ("all patients", 340)
    assert (newest.population, newest.n_current) == ("patients who joined", 40)
    assert not moved(everyone.columns[0])
    assert moved(newest.columns[0])


def test_a_few_who_joined_are_not_compared_apart():
    rng = np.random.default_rng(7)
    old = pd.DataFrame({"albumin_g_per_l": numbers(rng, 100)})
    joined = pd.DataFrame({"albumin_g_per_l": numbers(rng, 20, prefix="N")})
    assert len(compare_versions(old, pd.concat([old, joined]), [ALBUMIN])) == 2
    assert len(compare_versions(old, pd.concat([old, joined.iloc[1:]]), [ALBUMIN])) == 1
    assert len(compare_versions(old, old, [ALBUMIN])) == 1
    assert len(compare_versions(old, joined, [ALBUMIN])) == 1  # nobody of then: they are all
