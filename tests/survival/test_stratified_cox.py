import numpy as np
import pandas as pd
import pytest

from components.errors import CohortRejected
from components.survival.cox import fit_cox
from components.survival.design import Predictor
from components.survival.partial_likelihood import baseline_hazard
from components.survival.stratified_cox import StratifiedCoxModel, fit_stratified_cox_model
from components.survival.target import SurvivalTarget

A = Predictor(name="a", label="A", kind="continuous")


@pytest.fixture
def cohort(sample):
    x, target = sample
    arm = np.where(np.arange(target.n) % 3 == 0, "tace", "hepatectomy")
    return pd.DataFrame({"a": x[:, 0], "arm": arm}), target


def test_each_patient_survives_by_the_own_stratum(cohort):
    table, target = cohort
    model = fit_stratified_cox_model(table, [A], target, by="arm")
    assert StratifiedCoxModel.from_json(model.to_json()) == model
    number = (table["arm"] == "tace").astype(int).to_numpy()
    fit = fit_cox(table[["a"]].to_numpy(), target, strata=number)
    own = model.survival(table, [20.0, 50.0])
    lp = table["a"].to_numpy() * fit.coefficients[0]
    for name, rows in table.groupby("arm").indices.items():
        assert model.by_stratum[name].coefficients == pytest.approx(fit.coefficients)
        times, hazard = baseline_hazard(lp[rows], target.subset(rows))
        steps = np.concatenate([[0.0], hazard])
        at = steps[np.searchsorted(times, [20.0, 50.0], side="right")]
        np.testing.assert_allclose(own[rows], np.exp(-np.outer(np.exp(lp[rows]), at)), rtol=1e-9)


def test_a_stratum_without_deaths_adds_nothing_and_predicts_nothing(cohort):
    table, target = cohort
    table.loc[:7, "arm"] = "none"
    event = target.event & (table["arm"] != "none").to_numpy()
    alive = SurvivalTarget(target.time_days, event)
    model = fit_stratified_cox_model(table, [A], alive, by="arm")
    assert model.without_deaths == ("none",)
    rest = fit_stratified_cox_model(
        table.iloc[8:], [A], alive.subset(np.arange(8, alive.n)), by="arm"
    )
    coefficients = [m.by_stratum["tace"].coefficients for m in (model, rest)]
    assert coefficients[0] == pytest.approx(coefficients[1], rel=1e-8)
    with pytest.raises(CohortRejected, match="8 patients are of a stratum without a baseline"):
        model.survival(table, [20.0])
    number = np.where(table["arm"] == "none", 5, 1)
    fit = fit_cox(table[["a"]].to_numpy(), alive, strata=number)
    assert fit.notes == ("stratum 5 (8 patients) holds no death and adds nothing",)


def test_missing_and_unknown_strata_are_counted(cohort):
    table, target = cohort
    model = fit_stratified_cox_model(table, [A], target, by="arm")
    with pytest.raises(CohortRejected, match="column 'arm' of the strata, found none"):
        model.survival(table[["a"]], [20.0])
    table.loc[0, "arm"] = None
    with pytest.raises(CohortRejected, match="stratum of 1 patients is missing"):
        fit_stratified_cox_model(table, [A], target, by="arm")
    table.loc[0, "arm"] = "other"
    with pytest.raises(CohortRejected, match="hepatectomy, tace, 1 patients"):
        model.survival(table, [20.0])
