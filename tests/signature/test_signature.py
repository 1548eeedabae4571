import numpy as np
import pytest

from components.errors import FitFailed, IntegrityError
from components.signature.signature import Signature, fit_signature
from components.survival.target import SurvivalTarget


@pytest.fixture(scope="module")
def fit(cohort, section):
    """fit(table, **changes of the section): the signature of all patients."""

    def run(table, *, arms=cohort.arms, **changes):
        return fit_signature(
            table,
            cohort.target,
            arms,
            section=section(**changes),
            network_id="resnet18-0",
            rng=np.random.default_rng(3),
        )

    return run


def test_finds_the_latent_risk(fit, cohort):
    signature = fit(cohort.tables[0])
    scores = signature.apply(cohort.tables[0])
    assert not signature.is_null
    assert np.corrcoef(scores, cohort.latent)[0, 1] > 0.6
    assert scores.mean() == pytest.approx(0.0, abs=1e-9)
    assert scores.std() == pytest.approx(1.0)
    assert signature.n_features_in == 24
    assert signature.n == 180
    assert signature.lambda_ in signature.path.lambdas


def test_json_round_trip_scores_the_same_to_the_last_digit(fit, cohort):
    signature = fit(cohort.tables[0])
    text = signature.to_json()
    assert '"schema":"armwise.signature/1"' in text
    again = Signature.from_json(text)
    assert again == signature
    np.testing.assert_array_equal(again.apply(cohort.tables[1]), signature.apply(cohort.tables[1]))


def test_score_of_a_patient_does_not_depend_on_the_others(fit, cohort):
    signature = fit(cohort.tables[0])
    alone = signature.apply(cohort.tables[0][7:8])
    assert alone[0] == pytest.approx(signature.apply(cohort.tables[0])[7], rel=1e-12)


def test_another_width_is_refused(fit, cohort):
    with pytest.raises(IntegrityError, match="expects 24 features a patient, came 23"):
        fit(cohort.tables[0]).apply(cohort.tables[0][:, 1:])


def test_noise_gives_a_null_signature(fit, cohort):
    signature = fit(cohort.noise, rule="lambda_1se")
    assert signature.is_null
    assert not signature.apply(cohort.noise).any()
    assert signature.path.n_nonzero[0] == 0
    assert Signature.from_json(signature.to_json()) == signature


def test_features_that_tell_only_the_arm_are_nothing(section):
    rng = np.random.default_rng(8)
    arms = np.where(np.arange(180) % 2 == 0, "hepatectomy", "tace")
    dies = rng.exponential(900 * np.exp(-1.5 * (arms == "tace")))
    target = SurvivalTarget.of(np.minimum(dies, 1500) + 1, dies < 1500)
    shown = (arms == "tace")[:, None] * 2.0 + rng.normal(size=(180, 10))

    def fit(known_arms):
        return fit_signature(
            shown,
            target,
            known_arms,
            section=section(rule="lambda_1se", maximum_correlation=1.0),
            network_id="resnet18-0",
            rng=np.random.default_rng(3),
        )

    assert fit(arms).is_null
    # With the arm not held apart they would look like a signature.
    assert not fit(np.full(180, "hepatectomy")).is_null


def test_constant_and_correlated_features_go_first(fit, cohort):
    table = cohort.tables[0].astype(float)
    wide = np.column_stack([np.full(180, 0.3), table, table * 2 + 1, np.zeros(180)])
    signature = fit(wide)
    assert signature.n_features_in == 50
    assert signature.n_after_correlation <= 24
    assert not {0, 49} & set(signature.feature_indices)
    nothing = fit(np.ones((180, 4)))
    assert nothing.is_null
    assert (nothing.n_after_correlation, nothing.path, nothing.lambda_) == (0, None, None)


def test_the_screen_is_stratified_by_arm_and_optional(fit, cohort):
    table = np.column_stack([cohort.tables[0], cohort.noise])
    screened = fit(table, screen_p_value=0.01)
    assert screened.n_after_screen < screened.n_after_correlation
    free = fit(table)
    assert free.n_after_screen == free.n_after_correlation
    assert fit(cohort.noise, screen_p_value=1e-9).is_null


def test_features_that_are_not_finite_are_named(fit, cohort):
    table = cohort.tables[0].copy()
    table[5, 3] = np.nan
    with pytest.raises(FitFailed, match=r"feature 3 of network resnet18-0 \(and 0 more\)"):
        fit(table)


def test_without_strata_features_that_only_tell_the_arm_are_selected(cohort, section):
    """The arm decides about survival here; within an arm these features tell nothing."""
    rng = np.random.default_rng(12)
    is_tace = cohort.arms == "tace"
    features = is_tace[:, None] + rng.normal(size=(is_tace.size, 6))
    target = SurvivalTarget.of(
        np.ceil(rng.exponential(np.where(is_tace, 200, 1500))), np.ones(is_tace.size)
    )

    def n_selected(strata):
        signature = fit_signature(
            features,
            target,
            cohort.arms,
            section=section(strata=strata, screen_p_value=0.01),
            network_id="n",
            rng=np.random.default_rng(0),
        )
        return signature.n_after_screen, len(signature.feature_indices)

    assert min(n_selected("none")) >= 4
    assert n_selected("arm")[0] <= 1
