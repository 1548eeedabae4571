"""What the follow-up of an arm can carry."""

import numpy as np
import pandas as pd
import pytest

from components.cohort.followup_checks import follow_up_of_arms
from components.cohort.schema import PREDICTORS


def of_arm(table, *, arm="tace", predictors=("bclc_stage", "age_years"), **more):
    (found,) = follow_up_of_arms(
        table,
        arms=[arm],
        predictors={arm: predictors},
        horizon_days=1095,
        codebook=PREDICTORS,
        **more,
    )
    return found


@pytest.fixture
def table():
    """Ten patients of one arm, of whom everything can be counted by hand."""
    return pd.DataFrame(
        {
            "arm": "tace",
            "os_days": [100.0, 200, 300, 400, 500, 600, 1200, 1300, 1400, 1500],
            "death": [1, 1, 0, 1, 0, 1, 0, 1, 0, 0],
            "bclc_stage": ["A", "B", "C", "A", "B", "C", "A", "B", "C", None],
            "age_years": np.arange(50.0, 60.0),
            "cirrhosis": "present",
        },
        index=pd.Index([f"P{number}" for number in range(10)], name="patient_id"),
    )


def test_deaths_parameters_and_labels_are_counted(table):
    found = of_arm(table)
    assert (found.n, found.n_events, found.n_parameters) == (10, 5, 3)
    assert found.events_per_parameter == pytest.approx(5 / 3)
    assert found.n_unknown == 2
    assert found.unknown_share == pytest.approx(0.2)
    assert found.constant == ()


def test_maturity_is_the_reverse_kaplan_meier_at_the_horizon(table):
    # Censored at 300 (8 at risk) and at 500 (6 at risk) before day 1095.
    assert of_arm(table).maturity.value == pytest.approx(7 / 8 * 5 / 6)


def test_all_followed_to_the_horizon_is_a_maturity_of_one(table):
    assert of_arm(table.assign(os_days=table["os_days"] + 1100)).maturity.value == 1


def test_nobody_followed_to_the_horizon_is_not_estimable_when_the_last_one_died(table):
    early = table.assign(os_days=table["os_days"] / 2).assign(death=1)
    assert of_arm(early).maturity.value is None


def test_a_predictor_that_does_not_vary_is_named_and_spans_nothing(table):
    found = of_arm(table, predictors=("cirrhosis", "age_years"))
    assert found.constant == ("cirrhosis",)
    assert found.n_parameters == 1


def test_who_cannot_be_analysed_or_is_set_aside_does_not_count(table):
    table.loc["P0", "os_days"] = -1.0
    table.loc["P1", "death"] = np.nan
    table.loc["P2", "os_days"] = np.nan
    table.loc["P3", "death"] = 2
    found = of_arm(table, without={"P4"})
    assert (found.n, found.n_events) == (5, 2)


def test_a_death_on_the_day_of_treatment_counts(table):
    table.loc["P0", "os_days"] = 0.0
    assert of_arm(table).n_events == 5


def test_an_empty_arm_has_no_figures_and_no_fault(table):
    found = of_arm(table, arm="hepatectomy")
    assert (found.n, found.n_events, found.n_unknown) == (0, 0, 0)
    assert found.unknown_share is None
    assert found.events_per_parameter is None
    assert found.maturity.value is None
