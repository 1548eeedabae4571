"""Chained equations: what is filled in, from what, and that nothing leaks."""

import numpy as np
import pandas as pd
import pytest
from lifelines import NelsonAalenFitter

from components.cohort.endpoint import survival_target
from components.cohort.imputation import (
    ChainSettings,
    PredictorImputer,
    impute_training,
    nelson_aalen,
)
from components.study.randomness import step_seed
from components.survival.cox import fit_cox_model
from components.survival.design import Predictor
from components.survival.pooling import pool_fits

PREDICTORS = (
    Predictor(name="size_cm", label="Size", kind="continuous"),
    Predictor(name="stage", label="Stage", kind="categorical", levels=("A", "B", "C")),
    Predictor(name="liver", label="Liver", kind="categorical", levels=("no", "yes")),
    Predictor(name="score", label="Score", kind="continuous"),
)
SETTINGS = ChainSettings(imputations=3, iterations=3, seed=step_seed(7, "imputation"))


def draw(n: int, seed: int) -> pd.DataFrame:
    """Size, stage and score go together and raise the hazard."""
    rng = np.random.default_rng(seed)
    score = rng.normal(size=n)
    size = np.round(5 + 2 * score + rng.normal(size=n), 1)
    stage = np.array(["A", "B", "C"])[np.digitize(size + rng.normal(size=n), [4.5, 6.5])]
    liver = np.where(rng.random(n) < 1 / (1 + np.exp(-score)), "yes", "no")
    days = rng.exponential(900 * np.exp(-0.3 * (size - 5))) + 1
    end = rng.uniform(200, 2000, n)
    return pd.DataFrame(
        {
            "size_cm": size,
            "stage": stage,
            "liver": liver,
            "score": score,
            "os_days": np.minimum(days, end),
            "death": (days <= end).astype(int),
        },
        index=pd.Index([f"P{seed}-{i}" for i in range(n)], name="patient_id"),
    )


def with_gaps(table: pd.DataFrame, seed: int, share: float = 0.2) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    gaps = table.copy()
    for name in ("size_cm", "stage", "liver"):
        gaps[name] = gaps[name].mask(rng.random(len(table)) < share)
    return gaps


@pytest.fixture(scope="module")
def train():
    return with_gaps(draw(150, 1), 2)


@pytest.fixture(scope="module")
def test():
    return with_gaps(draw(40, 3), 4)


def impute(table, settings=SETTINGS):
    return impute_training(table, PREDICTORS, survival_target(table), settings)


def test_known_cells_stay_and_empty_ones_get_values_seen_in_training(train):
    completed = impute(train)
    assert len(completed.tables) == 3
    assert completed.imputed == {
        name: int(train[name].isna().sum()) for name in ("size_cm", "stage", "liver")
    }
    for table in completed.tables:
        assert not table[["size_cm", "stage", "liver"]].isna().any(axis=None)
        for name in ("size_cm", "stage", "liver"):
            known = train[name].notna()
            assert (table.loc[known, name] == train.loc[known, name]).all()
            assert table[name].isin(train[name].dropna()).all()
    first, second, _ = completed.tables
    assert not first["size_cm"].equals(second["size_cm"])


def test_a_table_without_gaps_is_itself(train):
    whole = train.dropna()
    assert impute(whole).tables[0] is whole
    imputer = PredictorImputer(whole, PREDICTORS, SETTINGS)
    assert imputer.complete(whole).tables == (whole,)


def test_the_same_seed_gives_the_same_tables_and_another_seed_others(train):
    again = impute(train)
    assert all(a.equals(b) for a, b in zip(again.tables, impute(train).tables, strict=True))
    other = impute(train, ChainSettings(3, 3, step_seed(8, "imputation")))
    assert not again.tables[0].equals(other.tables[0])


def test_imputed_values_follow_what_is_known_of_the_patient(train):
    """Size is 5 + 2 score: those imputed are as near to it as the noise lets them."""
    empty = train["size_cm"].isna()
    for table in impute(train).tables:
        r = np.corrcoef(table.loc[empty, "size_cm"], table.loc[empty, "score"])[0, 1]
        assert r > 0.6
    filled = impute(train).tables[0].loc[train["stage"].isna()]
    assert filled.loc[filled["stage"] == "C", "score"].mean() > filled["score"].mean()


def test_the_outcome_of_training_patients_is_used_in_training_alone(train):
    """A cell that only the outcome tells of: imputed with it, unknown without it."""
    table = train.assign(liver=np.where(train["death"] == 1, "yes", "no"))
    empty = np.arange(len(table)) % 3 == 0
    table["liver"] = table["liver"].mask(empty)
    truth = np.where(train["death"] == 1, "yes", "no")[empty]
    with_outcome = [np.mean(one["liver"][empty] == truth) for one in impute(table).tables]
    imputer = PredictorImputer(table, PREDICTORS, SETTINGS)
    without = [np.mean(one["liver"][empty] == truth) for one in imputer.complete(table).tables]
    assert min(with_outcome) > 0.85
    assert np.mean(without) < 0.75


def test_values_of_test_patients_ignore_their_outcome(train, test):
    imputer = PredictorImputer(train, PREDICTORS, SETTINGS)
    changed = test.assign(os_days=test["os_days"].to_numpy()[::-1] + 7, death=1)
    names = [one.name for one in PREDICTORS]
    for one, other in zip(
        imputer.complete(test).tables, imputer.complete(changed).tables, strict=True
    ):
        assert one[names].equals(other[names])
    blind = imputer.complete(test[names])
    assert blind.tables[0].equals(imputer.complete(test).tables[0][names])


def test_a_patients_values_depend_on_no_other_patient(train, test):
    imputer = PredictorImputer(train, PREDICTORS, SETTINGS)
    together = imputer.complete(test).tables
    few = test.iloc[[5, 3, 17]]
    fresh = PredictorImputer(train, PREDICTORS, SETTINGS)
    for whole, part in zip(together, fresh.complete(few).tables, strict=True):
        assert whole.loc[few.index].equals(part)


def test_a_patient_drawn_twice_is_imputed_alike(train, test):
    imputer = PredictorImputer(train, PREDICTORS, SETTINGS)
    twice = test.iloc[[2, 2, 4, 2]]
    for table in imputer.complete(twice).tables:
        assert table.iloc[0].equals(table.iloc[1])
        assert table.iloc[0].equals(table.iloc[3])


def test_one_column_of_gaps_needs_one_round(train):
    table = train.assign(stage=draw(150, 1)["stage"], liver=draw(150, 1)["liver"])
    once = impute(table, ChainSettings(2, 1, SETTINGS.seed))
    often = impute(table, ChainSettings(2, 20, SETTINGS.seed))
    assert all(a.equals(b) for a, b in zip(once.tables, often.tables, strict=True))


def test_a_level_that_is_known_of_nobody_else_stays_finite(train):
    """Everybody whose size is known has one stage; those without are of another."""
    table = train.assign(stage=np.where(train["size_cm"].isna(), "C", "A"))
    for one in impute(table).tables:
        assert one["size_cm"].between(table["size_cm"].min(), table["size_cm"].max()).all()


def test_no_more_donors_than_there_are(train):
    table = train.copy()
    table.loc[table.index[3:], "size_cm"] = np.nan
    table.loc[table.index[:3], "size_cm"] = [3.0, 4.0, 5.0]
    assert set(impute(table).tables[0]["size_cm"]) <= {3.0, 4.0, 5.0}


def test_nelson_aalen_is_that_of_lifelines(train):
    target = survival_target(train)
    fitted = NelsonAalenFitter(nelson_aalen_smoothing=False).fit(target.time_days, target.event)
    expected = fitted.cumulative_hazard_at_times(target.time_days).to_numpy()
    assert nelson_aalen(target) == pytest.approx(expected, rel=1e-9)


def test_pooled_coefficients_are_right_where_complete_cases_are_not():
    """Size is missing where the stage is high and the patient died: complete cases mislead.

    Mean over 12 draws of 300 patients; the truth is 0.3 a centimetre.
    """
    size = PREDICTORS[0]
    pooled, complete = [], []
    for seed in range(12):
        table = draw(300, 100 + seed)
        rng = np.random.default_rng(seed)
        late = (table["death"] == 1) & (table["score"] > 0)
        table["size_cm"] = table["size_cm"].mask(rng.random(300) < np.where(late, 0.7, 0.05))
        target = survival_target(table)
        done = impute_training(table, PREDICTORS, target, ChainSettings(4, 1, step_seed(seed, "i")))
        models = [fit_cox_model(one, (size,), target) for one in done.tables]
        pooled.append(pool_fits(models).coefficients[0])
        known = table.dropna(subset=["size_cm"])
        complete.append(fit_cox_model(known, (size,), survival_target(known)).coefficients[0])
    assert np.mean(pooled) == pytest.approx(0.3, abs=0.035)
    assert np.mean(complete) < 0.265
