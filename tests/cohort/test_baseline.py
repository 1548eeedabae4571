import numpy as np
import pandas as pd
import pytest

from components.cohort.baseline import lilliefors_p, table_one

# Counts of the study's Table 1, hepatectomy then TACE, and the p-values that it prints.
PRINTED = {
    "sex": ({"male": (239, 111), "female": (39, 20)}, 0.739),
    "hbv_infection": ({"absent": (61, 30), "present": (217, 101)}, 0.828),
    "diabetes": ({"absent": (251, 118), "present": (27, 13)}, 0.946),
    "cirrhosis": ({"absent": (202, 88), "present": (76, 43)}, 0.254),
    "intratumoral_necrosis": ({"absent": (100, 45), "present": (178, 86)}, 0.749),
    "arterial_peritumoral_enhancement": ({"absent": (118, 40), "present": (160, 91)}, 0.021),
}


@pytest.mark.parametrize("name", PRINTED)
def test_the_printed_p_values_follow_from_the_printed_counts(name):
    counts, printed = PRINTED[name]
    arms = ["hepatectomy"] * 278 + ["tace"] * 131
    cells = [level for arm in (0, 1) for level, n in counts.items() for _ in range(n[arm])]
    table = pd.DataFrame({name: cells})
    one = table_one(table, pd.Series(arms), title="Table 1")
    assert round(one.rows[0].p_value, 3) == printed
    assert one.rows[0].test == "Pearson's chi-square"
    first = next(iter(counts.values()))[0]
    assert one.rows[0].cells[0].startswith(f"{first} (")


def test_quartiles_missing_cells_and_smd():
    rng = np.random.default_rng(0)
    a, b = rng.lognormal(0, 1, 100), rng.lognormal(0.8, 1, 100)
    table = pd.DataFrame({"ggt_u_per_l": [*a, *b]})
    table.iloc[3, 0] = np.nan
    groups = pd.Series(["a"] * 100 + ["b"] * 100)
    row = table_one(table, groups, title="t").rows[0]
    assert row.test == "Mann-Whitney U"
    assert row.n_missing == 1
    kept = np.delete(a, 3)
    pooled = np.sqrt((kept.var(ddof=1) + b.var(ddof=1)) / 2)
    assert row.smd == pytest.approx(abs(kept.mean() - b.mean()) / pooled)
    assert row.cells[1].startswith(f"{np.median(b):.2f} (")


def test_normal_variables_get_a_t_test():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"age_years": rng.normal(60, 9, 200)})
    groups = pd.Series(["a"] * 100 + ["b"] * 100)
    assert table_one(table, groups, title="t").rows[0].test == "t-test"


def test_the_smd_of_two_levels_is_that_of_shares():
    table = pd.DataFrame({"sex": ["male"] * 30 + ["female"] * 70 + ["male"] * 60 + ["female"] * 40})
    groups = pd.Series(["a"] * 100 + ["b"] * 100)
    spread = np.sqrt((0.3 * 0.7 + 0.6 * 0.4) / 2)
    assert table_one(table, groups, title="t").rows[0].smd == pytest.approx(0.3 / spread)


def test_lilliefors_tells_normal_from_skewed_and_keeps_its_level():
    rng = np.random.default_rng(2)
    rejected = np.mean([lilliefors_p(rng.normal(size=60)) < 0.05 for _ in range(1500)])
    assert 0.035 < rejected < 0.065
    assert lilliefors_p(rng.exponential(size=60)) < 0.01
    assert lilliefors_p(np.ones(10)) == 0.0
