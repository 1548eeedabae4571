"""Restricted cubic splines in the arms' models, and the test whether an effect bends."""

import numpy as np
import pytest
from scipy import stats

from components.arms.nomogram import arm_nomogram
from components.arms.nonlinearity import nonlinearity
from components.arms.preparation import prepare_arm
from components.arms.records import ArmModels
from components.cohort.endpoint import survival_target
from components.errors import UsageError
from components.study.vocabulary import DataOrigin, ModelKind, SignatureState, Split
from components.survival.cox import fit_cox_model
from components.survival.splines import spline_knots
from tests.arms.conftest import ARM, fit
from tests.arms.test_imputing import with_gaps
from tests.arms.test_two_step import whole

CLINICAL = ModelKind.CLINICAL
NAMES = ("bclc_stage", "tumor_diameter_cm")


@pytest.fixture(scope="module")
def section(protocol):
    imputation = protocol.clinical.imputation.model_copy(update={"imputations": 3, "iterations": 2})
    changes = {
        "splines": {"tumor_diameter_cm": 4},
        "ridge_penalties": (1.0, 8.0),
        "imputation": imputation,
    }
    return protocol.clinical.model_copy(update=changes)


@pytest.fixture(scope="module")
def bent(protocol, train, test, section) -> ArmModels:
    return fit(protocol, train, test, clinical=section)


def test_the_knots_are_those_of_the_training_patients(bent, train):
    predictor = next(one for one in bent.models[CLINICAL].predictors if one.knots)
    assert predictor.name == "tumor_diameter_cm"
    assert predictor.knots == spline_knots(train["tumor_diameter_cm"].to_numpy(), 4)
    assert predictor.columns[1:] == ("tumor_diameter_cm'", "tumor_diameter_cm''")
    assert bent.sample_size[CLINICAL].n_parameters == 7


def test_the_test_of_nonlinearity_is_walds_in_the_unpenalised_model(bent, train):
    (found,) = bent.nonlinearity
    predictors = bent.models[CLINICAL].predictors
    model = fit_cox_model(train, predictors, survival_target(train))
    at = [model.columns.index(name) for name in ("tumor_diameter_cm'", "tumor_diameter_cm''")]
    b, v = np.asarray(model.coefficients)[at], np.asarray(model.covariance)[np.ix_(at, at)]
    assert found.statistic == pytest.approx(b @ np.linalg.inv(v) @ b)
    assert found.p_value == pytest.approx(stats.chi2.sf(found.statistic, 2))
    assert (found.degrees_of_freedom, found.denominator) == (2, None)


def test_a_bent_effect_is_found_and_a_straight_one_is_not(train):
    """Hazard rises away from 6 cm in one table, evenly in the other."""
    rng = np.random.default_rng(4)
    size = train["tumor_diameter_cm"].to_numpy()
    found = {}
    for name, effect in (("bent", 0.25 * np.abs(size - 6)), ("straight", 0.25 * size)):
        table = train.assign(os_days=np.ceil(rng.exponential(900 * np.exp(-effect))) + 1, death=1)
        prepared = prepare_arm(
            ARM,
            table,
            names=NAMES,
            signature=SignatureState.ABSENT,
            splines={"tumor_diameter_cm": 4},
        )
        (found[name],) = nonlinearity(whole(table), prepared.clinical, survival_target(table))
    assert found["bent"].p_value < 1e-4
    assert found["straight"].p_value > 0.05


def test_imputed_diameters_are_tested_by_the_pooled_statistic(protocol, train, test, section):
    gaps = with_gaps(train, seed=1)
    models = fit(protocol, gaps, test.head(20), clinical=section)
    (found,) = models.nonlinearity
    known = gaps["tumor_diameter_cm"].dropna().to_numpy()
    assert found.knots == spline_knots(known, 4)
    assert found.denominator > 4
    assert models.evaluation(CLINICAL, Split.TEST).estimates["c_harrell"].n == 20


def test_too_few_values_for_the_knots_enter_linearly_and_that_is_said(
    protocol, train, test, section
):
    coarse = train.assign(tumor_diameter_cm=np.where(train["tumor_diameter_cm"] > 6, 8.0, 4.0))
    models = fit(protocol, coarse, test, clinical=section)
    assert models.nonlinearity == ()
    said = next(one for one in models.adaptations if "spline" in one.asked)
    assert said.done == "Tumor diameter enters linearly"
    assert any(said.why in note for note in models.notes)


@pytest.mark.parametrize(
    ("name", "why"), [("bclc_stage", "it has levels"), ("shoe_size", "it is no predictor")]
)
def test_a_spline_of_what_is_not_continuous_is_refused(protocol, train, test, section, name, why):
    wrong = section.model_copy(update={"splines": {name: 4}})
    with pytest.raises(UsageError, match=why):
        fit(protocol, train, test, clinical=wrong)


def test_the_nomogram_of_a_spline_has_the_models_survival(bent, train, protocol):
    """`build_nomogram` refuses one whose survival differs by more than 1e-9."""
    nomogram = arm_nomogram(bent, train, section=protocol.nomogram, origin=DataOrigin.SYNTHETIC)
    axis = next(one for one in nomogram.axes if one.predictor.knots)
    assert min(axis.points) == pytest.approx(0, abs=1e-12)
    steps = np.diff(axis.points) / np.diff(axis.ticks)
    assert np.ptp(steps) > 0.1


def test_the_record_with_a_spline_is_json_and_back(bent):
    assert ArmModels.from_json(bent.to_json()) == bent
