import numpy as np
import pytest

from components.intake.demo_clinical import make_cohort
from components.intake.demo_marginals import DEMO_SEED, DEMO_SIZES
from components.intake.demo_signs import SIGNS, draw_signs


@pytest.mark.parametrize("seed", [DEMO_SEED, 1, 2])
def test_the_signs_together_show_the_latent(seed):
    cohort = make_cohort(seed=seed, n_by_arm=DEMO_SIZES)
    design = np.column_stack([np.ones(len(cohort.signs)), cohort.signs])
    weights, *_ = np.linalg.lstsq(design, cohort.latent_aggressiveness, rcond=None)
    correlation = np.corrcoef(design @ weights, cohort.latent_aggressiveness)[0, 1]
    assert correlation >= 0.95


def test_each_sign_has_its_loading():
    rng = np.random.default_rng(0)
    latent = rng.standard_normal(20_000)
    signs = draw_signs(latent, rng)
    for name, loading in SIGNS.items():
        assert np.corrcoef(signs[name], latent)[0, 1] == pytest.approx(loading, abs=0.02)
        assert signs[name].std() == pytest.approx(1.0, abs=0.03)


def test_the_latent_is_hidden_from_laboratory_and_stage():
    cohort = make_cohort(seed=DEMO_SEED, n_by_arm=DEMO_SIZES)
    numbers = cohort.clinical[["albumin_g_per_l", "bilirubin_umol_per_l", "tumor_diameter_cm"]]
    for name in numbers:
        assert abs(np.corrcoef(numbers[name], cohort.latent_aggressiveness)[0, 1]) < 0.15
