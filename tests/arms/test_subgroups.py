import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from scipy.stats import chi2

from components.arms.arm_patients import ArmPatients
from components.arms.fitting import fit_models
from components.arms.subgroup_records import SubgroupReport
from components.arms.subgroups import judge_subgroups, not_assessed
from components.cohort.endpoint import survival_target
from components.study.vocabulary import SignatureState, Split
from components.survival.discrimination import harrell_c
from tests.arms.conftest import ARM


@pytest.fixture(scope="module")
def patients(train, test):
    """Both splits with an age, a center and a scanner whose cells are empty here and there."""
    rng = np.random.default_rng(2)

    def more(table):
        return table.assign(
            arm=ARM.value,
            age_years=rng.integers(40, 80, len(table)).astype(float),
            center=rng.choice(["north", "south"], len(table)),
            scanner=pd.Series(rng.choice(["a", "b", None], len(table)), table.index, dtype=object),
        )

    return {Split.TRAIN: more(train), Split.TEST: more(test)}


@pytest.fixture(scope="module")
def fitted(train, protocol):
    """The models of the arm, with what imputes for them."""
    return fit_models(
        ARM,
        train,
        clinical=protocol.clinical,
        signature=SignatureState.FITTED,
        seed=protocol.study.seed,
    )


@pytest.fixture(scope="module")
def judge(fitted, protocol):
    """Judges patients in the levels of columns."""

    def judge(patients, *names):
        evaluation = protocol.evaluation.model_copy(update={"subgroups": names})
        return judge_subgroups([ArmPatients(fitted, patients)], evaluation=evaluation)

    return judge


def test_the_c_of_a_level_is_that_of_its_patients(judge, models, patients):
    report = judge(patients, "bclc_stage")
    for one in report.judged:
        table = patients[one.split]
        assert [level.level for level in one.levels] == ["A", "B", "C"]
        assert sum(level.n for level in one.levels) == len(table)
        assert sum(level.n_events for level in one.levels) == table["death"].sum()
        for level in one.levels:
            part = table[table["bclc_stage"] == level.level]
            expected = harrell_c(
                survival_target(part), models.nomogram_model.linear_predictor(part), level=0.95
            )
            assert level.c_harrell == expected


def test_interaction_is_the_likelihood_ratio_of_lifelines(judge, models, patients):
    report = judge(patients, "bclc_stage")
    table = patients[Split.TRAIN]
    frame = pd.DataFrame(
        {
            "lp": models.nomogram_model.linear_predictor(table),
            "os_days": table["os_days"].to_numpy(),
            "death": table["death"].to_numpy(),
        }
    )
    for level in ("B", "C"):
        frame[level] = (table["bclc_stage"] == level).to_numpy() * 1.0
    whole = frame.assign(lpB=frame["lp"] * frame["B"], lpC=frame["lp"] * frame["C"])
    fits = [CoxPHFitter().fit(one, "os_days", "death").log_likelihood_ for one in (frame, whole)]
    expected = chi2.sf(2 * (fits[1] - fits[0]), df=2)
    found = next(one for one in report.judged if one.split is Split.TRAIN)
    assert found.interaction_p == pytest.approx(expected, rel=1e-6)


def test_a_model_that_works_in_one_level_alone_is_found(judge, models, patients):
    """Survival of one center made by the opposite of the linear predictor."""
    rng = np.random.default_rng(4)
    turned = {}
    for split, table in patients.items():
        lp = models.nomogram_model.linear_predictor(table)
        sign = np.where(table["center"] == "north", 1.0, -1.0)
        days = rng.exponential(800 * np.exp(-1.2 * sign * lp)) + 1
        turned[split] = table.assign(os_days=days, death=1)
    report = judge(turned, "center")
    assert all(one.interaction_p < 0.001 for one in report.judged)
    for one in report.judged:
        north, south = (level.c_harrell.value for level in one.levels)
        assert north > 0.6
        assert south < 0.4


def test_numbers_are_cut_at_the_training_median_in_both_splits(judge, patients):
    report = judge(patients, "age_years")
    median = patients[Split.TRAIN]["age_years"].median()
    for one in report.judged:
        assert one.cut == median
        low, high = one.levels
        assert low.level == f"up to {median:g} years"
        assert low.n == (patients[one.split]["age_years"] <= median).sum()
        assert high.n == (patients[one.split]["age_years"] > median).sum()


def test_a_column_that_the_table_lacks_is_not_assessable(judge, patients):
    report = judge(patients, "center", "vendor")
    assert {one.variable for one in report.judged} == {"center"}
    assert report.not_assessable == {"vendor": "the table has no column 'vendor'"}
    (said,) = not_assessed(report)
    assert said.done == "not assessable"
    assert SubgroupReport.from_json(report.to_json()) == report


def test_empty_cells_are_counted_and_belong_to_no_level(judge, patients):
    report = judge(patients, "scanner")
    for one in report.judged:
        assert one.n_missing == patients[one.split]["scanner"].isna().sum()
        assert sum(level.n for level in one.levels) + one.n_missing == len(patients[one.split])
        assert [level.level for level in one.levels] == ["a", "b"]


def test_a_level_with_few_deaths_has_no_c_and_no_test(judge, patients):
    rare = {
        split: table.assign(center=np.where(np.arange(len(table)) < 9, "tiny", "large"))
        for split, table in patients.items()
    }
    report = judge(rare, "center")
    assert report.n_tests == 0
    for one in report.judged:
        large, tiny = one.levels
        assert large.c_harrell.value is not None
        assert tiny.c_harrell.value is None
        assert "at least 10 are needed" in tiny.c_harrell.note
        assert one.why_no_test == "fewer than two levels have 10 deaths"


def test_patients_with_gaps_are_judged_where_they_are_imputed(judge, patients):
    gaps = {
        split: table.assign(
            tumor_diameter_cm=table["tumor_diameter_cm"].where(np.arange(len(table)) % 5 > 0)
        )
        for split, table in patients.items()
    }
    report = judge(gaps, "bclc_stage")
    for one in report.judged:
        assert sum(level.n for level in one.levels) == len(patients[one.split])
        assert all(level.c_harrell.value is not None for level in one.levels)


def test_a_center_kept_for_the_test_is_a_level_of_the_test_alone(judge, patients):
    apart = {
        split: table.assign(center="north" if split is Split.TRAIN else "south")
        for split, table in patients.items()
    }
    train, test = judge(apart, "center").judged
    assert [level.level for level in train.levels] == ["north", "south"]
    assert [level.n for level in train.levels] == [len(apart[Split.TRAIN]), 0]
    assert test.levels[1].n == len(apart[Split.TEST])
    assert test.levels[1].c_harrell.value is not None
