import numpy as np
import pytest

from components.intake.demo_clinical import make_cohort
from components.intake.demo_marginals import DEMO_SEED, DEMO_SIZES
from components.intake.demo_survival import HAZARDS, linear_predictor
from components.intake.demo_truth import true_outcomes
from components.study.vocabulary import TreatmentArm
from components.survival.cox import fit_cox
from components.survival.discrimination import auc_ipcw
from components.survival.target import SurvivalTarget

ARMS = list(TreatmentArm)
LARGE = dict.fromkeys(ARMS, 1500)


@pytest.fixture(scope="module")
def cohort():
    return make_cohort(seed=DEMO_SEED, n_by_arm=DEMO_SIZES)


@pytest.fixture(scope="module")
def truth():
    return true_outcomes(DEMO_SEED, DEMO_SIZES)


def test_the_truth_is_of_the_same_patients(cohort, truth):
    assert truth.index.equals(cohort.clinical.index)
    assert truth["arm"].equals(cohort.clinical["arm"])
    np.testing.assert_array_equal(truth["aggressiveness"], cohort.latent_aggressiveness)


@pytest.mark.parametrize("arm", ARMS)
def test_deaths_are_the_potential_outcomes_under_the_arm_received(cohort, truth, arm):
    received = cohort.clinical["arm"] == arm.value
    observed = cohort.clinical[received]
    death_days = truth.loc[received, f"death_days_{arm.value}"]
    died = observed["death"] == 1
    np.testing.assert_array_equal(observed.loc[died, "os_days"], death_days[died])
    assert (observed.loc[~died, "os_days"] <= death_days[~died]).all()


@pytest.mark.parametrize("arm", ARMS)
def test_linear_predictors_follow_from_the_table_and_the_latent(cohort, truth, arm):
    recomputed = linear_predictor(cohort.clinical, cohort.latent_aggressiveness, arm)
    np.testing.assert_allclose(truth[f"linear_predictor_{arm.value}"], recomputed, atol=1e-12)


@pytest.mark.parametrize("arm", ARMS)
def test_a_cox_model_of_many_patients_finds_the_hazard_ratios(arm):
    cohort = make_cohort(seed=1, n_by_arm=LARGE)
    truth = true_outcomes(1, LARGE)
    received = (cohort.clinical["arm"] == arm.value).to_numpy()
    rows = cohort.clinical[received]
    target = SurvivalTarget.of(rows["os_days"], rows["death"] == 1)
    latent = cohort.latent_aggressiveness[received]
    clinical_part = (
        truth.loc[received, f"linear_predictor_{arm.value}"].to_numpy()
        - HAZARDS[arm].aggressiveness * latent
    )
    fit = fit_cox(np.column_stack([clinical_part, latent]), target)
    np.testing.assert_allclose(
        fit.coefficients, (1.0, HAZARDS[arm].aggressiveness), rtol=0, atol=0.15
    )


def test_the_latent_alone_tells_high_from_low_risk_as_intended():
    aucs = []
    for seed in range(6):
        cohort = make_cohort(seed=seed, n_by_arm=DEMO_SIZES)
        inside = (cohort.clinical["arm"] == "hepatectomy").to_numpy()
        rows = cohort.clinical[inside]
        target = SurvivalTarget.of(rows["os_days"], rows["death"] == 1)
        auc = auc_ipcw(target, cohort.latent_aggressiveness[inside], horizon_days=1095)
        aucs.append(auc.value)
    assert np.mean(aucs) == pytest.approx(0.75, abs=0.04)
