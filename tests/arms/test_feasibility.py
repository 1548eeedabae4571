"""What a clinical sheet says of an arm, and of the overlap of two."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from components.arms.arm_overlap import arm_overlap
from components.arms.feasibility import accrual_of, assess_arm
from components.arms.feasibility_size import gate_outlook, horizon_outlook, model_sizes
from components.arms.sample_size import least_n
from components.cohort.imputation import CompletedTables
from components.cohort.schema import PREDICTORS
from components.study.protocol import read_protocol
from components.study.vocabulary import TreatmentArm
from components.survival.design import Predictor
from components.survival.kaplan_meier import survival_estimate
from components.survival.target import SurvivalTarget
from flows.settings import PROTOCOLS

HEPATECTOMY, TACE = TreatmentArm.HEPATECTOMY, TreatmentArm.TACE


@pytest.fixture(scope="module")
def protocol():
    return read_protocol(PROTOCOLS / "sound.yaml")


@pytest.fixture(scope="module")
def patients():
    """300 patients of one arm; the diameter carries the hazard, one column has gaps."""
    rng = np.random.default_rng(11)
    n = 300
    diameter = rng.uniform(2, 14, n)
    time = rng.exponential(900 * np.exp(-0.12 * (diameter - 8)))
    seen = rng.uniform(200, 2200, n)
    table = pd.DataFrame(
        {
            "arm": "tace",
            "os_days": np.minimum(time, seen) + 1,
            "death": (time <= seen).astype(float),
            "tumor_diameter_cm": diameter,
            "bclc_stage": rng.choice(["A", "B", "C"], n),
            "albumin_g_per_l": rng.normal(38, 4, n),
        },
        index=[f"P{i:03d}" for i in range(n)],
    )
    table.loc[table.index[:20], "albumin_g_per_l"] = np.nan
    return table


def parts(table, share=0.25):
    n = round(len(table) * share)
    sides = ["test"] * n + ["train"] * (len(table) - n)
    return pd.Series(np.random.default_rng(0).permutation(sides), index=table.index)


def test_an_arm_is_counted_and_its_model_sized(patients, protocol):
    split = parts(patients)
    found = assess_arm(
        TACE,
        patients,
        split,
        candidates=("tumor_diameter_cm", "bclc_stage", "albumin_g_per_l"),
        codebook=PREDICTORS,
        protocol=protocol,
    )
    assert (found.n, found.n_events) == (300, int(patients["death"].sum()))
    assert (found.n_test, found.n_train) == (75, 225)
    assert found.n_train_events + found.n_test_events == found.n_events
    assert found.n_parameters == 4
    assert found.accrual is None
    for one in found.horizons:
        by = (patients["death"] == 1) & (patients["os_days"] <= one.horizon_days)
        beyond = patients["os_days"] > one.horizon_days
        assert (one.n_died, one.n_beyond) == (by.sum(), beyond.sum())
        assert one.n_died + one.n_beyond + one.n_unknown == 300
        in_test = split == "test"
        assert (one.test_died, one.test_beyond) == ((by & in_test).sum(), (beyond & in_test).sum())
        assert one.is_estimable_in_test == (one.test_died >= 10 and one.test_beyond >= 10)
    own, planned, signature = found.sizes
    assert 0 < own.shrinkage < 1
    assert own.r2 > 0.05
    assert own.minimum_n == max(own.by_shrinkage, own.by_optimism, own.by_overall_risk)
    assert own.n_fitted == 225
    assert (planned.n_parameters, signature.n_parameters) == (4, 5)
    assert signature.by_shrinkage > planned.by_shrinkage


def test_criteria_are_those_of_sample_size_and_of_the_width_of_the_survival(patients):
    target = SurvivalTarget.of(patients["os_days"], patients["death"])
    predictor = Predictor(name="tumor_diameter_cm", label="d", kind="continuous")
    whole = CompletedTables((patients,), {})
    own, *_ = model_sizes(
        whole, [predictor], target, n_parameters=1, n_train=225, risk_horizon_days=730.0
    )
    survival = survival_estimate(target, 730, interval="plain")
    half = survival.upper - survival.value
    assert own.by_overall_risk == math.ceil(300 * (half / 0.05) ** 2)
    largest = 1 - math.exp(2 * _null(target) / 300)
    assert max(own.by_shrinkage, own.by_optimism) == least_n(own.r2, 1, largest_r2=largest)
    # So many more that three quarters of all reach the least number.
    assert own.further == max(math.ceil((own.minimum_n - 225) / 0.75), 0)


def _null(target):
    """The log partial likelihood without predictors, no ties."""
    order = np.argsort(-target.time_days)
    at_risk = np.arange(1, target.n + 1)
    return -np.sum(np.log(at_risk[target.event[order]]))


def test_the_same_patients_twice_meet_twice_the_counts(patients, protocol):
    """The number asked for beside a horizon suffices: as many more like these meet the rule."""
    section = protocol.evaluation.model_copy(
        update={"minimum_events_before": 60, "minimum_at_risk_after": 60}
    )
    target = SurvivalTarget.of(patients["os_days"], patients["death"])
    small = target.subset(np.arange(0, 300, 4))
    found = horizon_outlook(target, small, 730, section)
    assert not found.is_estimable_in_test
    times = (300 + found.further) / 300
    assert min(found.test_died * times, found.test_beyond * times) >= 60
    fewer = (300 + found.further - 4) / 300
    assert min(found.test_died * fewer, found.test_beyond * fewer) < 60


def test_no_number_of_patients_helps_where_nobody_is_followed_so_long(patients, protocol):
    target = SurvivalTarget.of(patients["os_days"], patients["death"]).truncated(900)
    found = horizon_outlook(target, target, 1095, protocol.evaluation)
    assert found.further is None
    assert "longer follow-up" in found.why
    assert found.n_beyond == 0


def test_the_gate_is_passed_more_often_on_more_test_patients(protocol):
    at_70, at_53 = (gate_outlook(n, protocol.promotion) for n in (70, 53))
    assert at_70.standard_error == pytest.approx(0.022, abs=0.002)
    assert at_53.standard_error == pytest.approx(0.028, abs=0.002)
    # By simulation: the estimate itself and its lower limit must both be above their bounds.
    for gate in (at_70, at_53):
        draws = np.random.default_rng(1).normal(0, gate.standard_error, 200_000)
        passed = (draws > -0.01) & (draws - 1.6449 * gate.standard_error > -0.05)
        assert gate.chance == pytest.approx(passed.mean(), abs=0.005)
    assert at_53.chance < at_70.chance < gate_outlook(1000, protocol.promotion).chance
    assert gate_outlook(0, protocol.promotion).chance == 0


def test_quarters_without_patients_count_and_the_last_one_does_not():
    quarters = ["2018Q1"] * 4 + ["2018Q2"] * 2 + ["2018Q4"] * 6 + ["2019Q1"] + [None, "soon"]
    found = accrual_of(pd.DataFrame({"treatment_quarter": quarters}))
    assert found.quarters == ("2018Q1", "2018Q2", "2018Q3", "2018Q4", "2019Q1")
    assert found.counts == (4, 2, 0, 6, 1)
    assert found.per_quarter == 3.0
    assert accrual_of(pd.DataFrame({"treatment_quarter": [None]})) is None


def both_arms(shift, n=400):
    """Two arms of equal size whose diameters lie `shift` standard deviations apart."""
    rng = np.random.default_rng(2)
    arm = np.array(["hepatectomy", "tace"] * (n // 2))
    return pd.DataFrame(
        {
            "arm": arm,
            "tumor_diameter_cm": rng.normal(0, 1, n) + shift * (arm == "tace"),
            "bclc_stage": rng.choice(["A", "B"], n),
            "sex": "male",
        }
    )


def overlap_of(table):
    names = ("tumor_diameter_cm", "bclc_stage", "sex")
    return arm_overlap(table, HEPATECTOMY, TACE, names, codebook=PREDICTORS, seed=1)


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        (0.0, "hold patients like each other"),
        (1.0, "overlap in part"),
        (1.5, "overlap is thin"),
        (3.0, "hardly overlap"),
    ],
)
def test_overlap_in_words_follows_how_far_apart_the_arms_are(shift, words):
    table = both_arms(shift)
    found = overlap_of(table)
    assert words in found.sentence
    best = roc_auc_score(table["arm"] == "tace", table["tumor_diameter_cm"]) if shift else 0.5
    assert found.c_statistic == pytest.approx(best, abs=0.04)
    for shares in found.densities.values():
        assert sum(shares) == pytest.approx(1)


def test_arms_alike_lie_under_each_other_and_keep_their_numbers():
    near, far = overlap_of(both_arms(0.0)), overlap_of(both_arms(3.0))
    assert near.common > 0.75 > 0.3 > far.common
    assert near.in_range == {HEPATECTOMY: 200, TACE: 200}
    assert near.effective[TACE] > 190
    assert far.effective[TACE] < 120
    assert near.predictors == ("Tumor diameter", "BCLC stage")


def test_a_gap_that_only_one_arm_has_tells_the_arms_apart():
    table = both_arms(0.0)
    gaps = (table["arm"] == "tace") & (np.arange(len(table)) % 4 == 1)
    table.loc[gaps, "tumor_diameter_cm"] = np.nan
    assert overlap_of(table).c_statistic > 0.65


def test_too_few_patients_say_so():
    found = overlap_of(both_arms(1.0, n=16))
    assert found.c_statistic is None
    assert "at least 10 patients of each arm" in found.why_not
