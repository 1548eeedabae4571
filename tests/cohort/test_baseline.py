import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tableone import TableOne as PackageTable

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
    assert row.missing == (1, 0)
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


@pytest.fixture(scope="module")
def hospital():
    """Both arms with a normal, a skewed, a two-level and a three-level column, and empty cells."""
    rng = np.random.default_rng(4)
    n = 300
    table = pd.DataFrame(
        {
            "age_years": rng.normal(60, 9, n),
            "ggt_u_per_l": rng.lognormal(4, 0.7, n),
            "sex": rng.choice(["male", "female"], n, p=[0.8, 0.2]),
            "bclc_stage": rng.choice(["A", "B", "C"], n, p=[0.5, 0.3, 0.2]),
        }
    )
    for column in table:
        table.loc[rng.random(n) < 0.05, column] = None
    return table, pd.Series(rng.choice(["hepatectomy", "tace"], n, p=[0.6, 0.4]))


def test_it_is_the_table_of_the_package_tableone_given_the_same_tests(hospital):
    """Counts, shares, quartiles, differences and p-values; tableone's own tests are others."""
    table, groups = hospital
    own = {row.variable: row for row in table_one(table, groups, title="t").rows if row.missing}
    tests = {
        "age_years": lambda *samples: stats.ttest_ind(*samples).pvalue,
        "ggt_u_per_l": lambda *samples: stats.mannwhitneyu(*samples).pvalue,
        "sex": lambda *counts: stats.chi2_contingency(counts, correction=False).pvalue,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        package = PackageTable(
            table.assign(arm=groups),
            columns=list(table),
            categorical=["sex", "bclc_stage"],
            nonnormal=["age_years", "ggt_u_per_l"],
            groupby="arm",
            pval=True,
            smd=True,
            htest=tests,
            decimals={"age_years": 2, "ggt_u_per_l": 2},
            include_null=False,
        )
    differences = package.smd_table.iloc[:, 0]
    for name, row in own.items():
        assert package.htest_table.loc[name, "P-Value"] == pytest.approx(row.p_value, rel=1e-12)
        assert abs(differences[name]) == pytest.approx(row.smd, rel=1e-9)
    shown = package.tableone["Grouped by arm"]
    assert shown["Missing"].iloc[1:].tolist() == [
        *(own[name].n_missing for name in ("age_years", "ggt_u_per_l")),
        *(cell for name in ("sex", "bclc_stage") for cell in _missing_once(own[name], table[name])),
    ]
    for name in ("age_years", "ggt_u_per_l"):
        line = shown.loc[f"{name}, median [Q1,Q3]"].iloc[0]
        ours = [
            cell.replace(", ", ",").replace("(", "[").replace(")", "]") for cell in own[name].cells
        ]
        assert [line["hepatectomy"], line["tace"]] == ours
    line = shown.loc[("sex, n (%)", "male")]
    assert [line["hepatectomy"], line["tace"]] == [
        cell.replace("%", "") for cell in own["sex"].cells
    ]


def _missing_once(row, column):
    """As tableone prints them: the number of empty cells beside a variable's first level."""
    return [row.n_missing, *[""] * (column.nunique() - 1)]


def test_tableone_by_itself_corrects_for_continuity_where_the_study_did_not():
    counts = np.array([[118, 40], [160, 91]])
    assert round(stats.chi2_contingency(counts).pvalue, 3) != 0.021
    assert round(stats.chi2_contingency(counts, correction=False).pvalue, 3) == 0.021


@pytest.mark.parametrize(
    ("shape", "test"), [("normal", "one-way ANOVA"), ("lognormal", "Kruskal-Wallis")]
)
def test_three_groups_have_a_test_too(shape, test):
    rng = np.random.default_rng(8)
    values = getattr(rng, shape)(2, 0.6, 180)
    groups = pd.Series(["a", "b", "c"] * 60)
    row = table_one(pd.DataFrame({"age_years": values}), groups, title="t").rows[0]
    parts = [values[groups == name] for name in "abc"]
    expected = stats.f_oneway(*parts) if shape == "normal" else stats.kruskal(*parts)
    assert row.test == test
    assert row.p_value == pytest.approx(expected.pvalue)


def test_a_column_of_one_value_has_no_test():
    table = pd.DataFrame({"tumor_number": [1.0] * 40})
    row = table_one(table, pd.Series(["a", "b"] * 20), title="t").rows[0]
    assert (row.p_value, row.test, row.smd) == (None, None, None)
