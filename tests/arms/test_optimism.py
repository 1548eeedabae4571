from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from lifelines import CoxPHFitter
from sksurv.metrics import concordance_index_censored

from components.arms.optimism import bootstrap_optimism, draw_resample
from components.arms.optimism_estimates import plus_632
from components.arms.whole_path import PathPatients, WholePath, fit_path, with_scores
from components.cohort.endpoint import survival_target
from components.cohort.schema import Variable
from components.errors import FitFailed
from components.signature.signature import fit_signature
from components.study.randomness import step_seed
from components.study.vocabulary import ModelKind, TreatmentArm
from tests.arms.conftest import draw_arm

SEED = 5
HEPATECTOMY = TreatmentArm.HEPATECTOMY


def draw_patients(*, signal: float = 0.8, n: int = 90, width: int = 6, seed: int = 1):
    """Two arms, and features of which the first two see the signature that raises the hazard."""
    rng = np.random.default_rng(seed)
    arms = {"hepatectomy": (n, "H"), "tace": (n * 2 // 3, "T")}
    table = pd.concat(
        [
            draw_arm(size, seed=seed + at, prefix=prefix, signature_effect=signal).assign(arm=arm)
            for at, (arm, (size, prefix)) in enumerate(arms.items())
        ]
    )
    table["tumor_location"] = rng.choice(["left", "right"], len(table))
    features = rng.normal(size=(len(table), width))
    features[:, :2] += signal * table["dl_signature"].to_numpy()[:, None]
    return PathPatients(table.drop(columns="dl_signature"), features)


@pytest.fixture(scope="module")
def patients():
    return draw_patients()


@pytest.fixture(scope="module")
def parts(protocol):
    """A fast path: few penalties, few folds, no ridge; the numerical predictors alone."""
    quick = {"n_lambdas": 8, "lambda_min_ratio": 0.2, "cv_folds": 3, "cv_repeats": 1}
    clinical = protocol.clinical.model_copy(
        update={
            "predictors": dict.fromkeys(TreatmentArm, ("tumor_diameter_cm", "cirrhosis")),
            "ridge_penalties": (0.0,),
            "cv_folds": 3,
            "imputation": None,
        }
    )
    study = protocol.study.model_copy(update={"seed": SEED})
    return protocol.signature.model_copy(update=quick), clinical, protocol.evaluation, study


def optimism_of(patients, parts, *, n_resamples=6, fit="in_sample", **more):
    signature, clinical, evaluation, study = parts
    section = signature.model_copy(update={"fit": fit}) if patients.features is not None else None
    path = WholePath.of(section, clinical, n_folds=3)
    own = fit_path(patients, path, seed=SEED)
    return bootstrap_optimism(
        patients, path, own, evaluation=evaluation, study=study, n_resamples=n_resamples, **more
    )


def figure(optimism, kind, estimator="c_harrell", arm=HEPATECTOMY):
    return next(
        one
        for one in optimism.figures
        if (one.arm, one.kind, one.estimator) == (arm, kind, estimator)
    )


def c_of(table, score):
    return concordance_index_censored(table["death"] == 1, table["os_days"], score)[0]


def test_the_clinical_optimism_is_that_of_a_loop_by_hand(patients, parts):
    found = figure(optimism_of(patients, parts, n_resamples=4), ModelKind.CLINICAL)
    table = patients.table.assign(cirrhosis=(patients.table["cirrhosis"] == "present") * 1.0)
    columns = ["tumor_diameter_cm", "cirrhosis", "os_days", "death"]
    rows = patients.of_arm(HEPATECTOMY)
    original, differences = table.iloc[rows], []

    def fitted(part):
        return CoxPHFitter().fit(part[columns], "os_days", "death")

    for number in range(4):
        drawn, _ = draw_resample(patients, seed=SEED, number=number)
        resample = table.iloc[drawn[np.isin(drawn, rows)]].reset_index(drop=True)
        model = fitted(resample)
        apparent, honest = (
            c_of(part, model.predict_log_partial_hazard(part)) for part in (resample, original)
        )
        differences.append(apparent - honest)
    apparent = c_of(original, fitted(original).predict_log_partial_hazard(original))
    assert found.apparent.value == pytest.approx(apparent, abs=1e-9)
    assert found.optimism.value == pytest.approx(np.mean(differences), abs=1e-9)
    assert found.corrected.value == pytest.approx(apparent - np.mean(differences), abs=1e-9)
    assert found.corrected.lower < found.corrected.value < found.corrected.upper


def test_the_signature_is_fitted_anew_in_each_resample(patients, parts):
    """By hand: the C of a Cox model of the score alone is that of the score itself."""
    found = figure(optimism_of(patients, parts, n_resamples=3), ModelKind.DLRADIOMICS)
    rows = patients.of_arm(HEPATECTOMY)
    differences = []
    for number in range(3):
        drawn, seed = draw_resample(patients, seed=SEED, number=number)
        part = patients.rows(drawn)
        signature = fit_signature(
            part.features,
            survival_target(part.table),
            part.table["arm"].to_numpy(dtype=np.str_),
            section=parts[0],
            network_id="given features",
            rng=np.random.default_rng(step_seed(seed, "signature deployed")),
            units=pd.factorize(part.table.index)[0],
        )
        assert not signature.is_null
        within = drawn[np.isin(drawn, rows)]
        differences.append(
            c_of(patients.table.iloc[within], signature.apply(patients.features[within]))
            - c_of(patients.table.iloc[rows], signature.apply(patients.features[rows]))
        )
    assert found.optimism.value == pytest.approx(np.mean(differences), abs=1e-9)


def test_patients_are_drawn_within_their_arm_and_anew_each_time(patients):
    drawn = [draw_resample(patients, seed=SEED, number=number)[0] for number in range(3)]
    for arm in patients.arms:
        rows = patients.of_arm(arm)
        assert all(np.isin(one, rows).sum() == rows.size for one in drawn)
    assert not np.array_equal(drawn[0], drawn[1])
    assert np.array_equal(drawn[0], draw_resample(patients, seed=SEED, number=0)[0])
    assert np.unique(drawn[0]).size < len(patients.table)


def test_the_same_numbers_whatever_runs_them(patients, parts):
    here = optimism_of(patients, parts, fit="cross_fitted")
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        elsewhere = optimism_of(patients, parts, fit="cross_fitted", map=pool.map)
    assert elsewhere == here
    assert type(here).from_json(here.to_json()) == here


def test_cross_fitted_models_are_judged_on_scores_of_the_whole_signature(patients, parts):
    """The Cox model's coefficient is that of cross-fitted scores, larger than an in-sample one."""
    signature, clinical, *_ = parts
    coefficients = {}
    for fit in ("in_sample", "cross_fitted"):
        path = WholePath.of(signature.model_copy(update={"fit": fit}), clinical, n_folds=3)
        own = fit_path(patients, path, seed=SEED)
        coefficients[fit] = own.models[HEPATECTOMY].models[ModelKind.DLRADIOMICS].coefficients[0]
        scores = with_scores(patients, own.signature)["dl_signature"]
        assert scores.std(ddof=0) == pytest.approx(1)
    assert coefficients["cross_fitted"] < coefficients["in_sample"]


def test_without_features_only_the_clinical_models_are_judged(patients, parts):
    found = optimism_of(PathPatients(patients.table, None), parts)
    assert {one.kind for one in found.figures} == {ModelKind.CLINICAL}
    assert not found.has_signature
    assert found.label == ""
    assert found.n_null == 0


def test_noise_is_worth_one_half_once_corrected(parts):
    """Eight predictors of nothing: C is far above 0.5 until it is corrected."""
    names = tuple(f"marker_{number}" for number in range(8))
    codebook = {name: Variable(name=name, label=name, kind="continuous") for name in names}
    rng = np.random.default_rng(8)
    _, clinical, evaluation, study = parts
    clinical = clinical.model_copy(update={"predictors": dict.fromkeys(TreatmentArm, names)})
    apparent, corrected, plus, slopes = [], [], [], []
    for _ in range(8):
        n = 100
        table = pd.DataFrame(rng.normal(size=(n, len(names))), columns=list(names))
        table["os_days"] = rng.exponential(700, n) + 1
        table["death"] = (rng.random(n) < 0.7) * 1
        patients = PathPatients(table.assign(arm="tace"), None)
        path = WholePath.of(None, clinical, n_folds=3, codebook=codebook)
        found = bootstrap_optimism(
            patients,
            path,
            fit_path(patients, path, seed=SEED),
            evaluation=evaluation,
            study=study,
            n_resamples=20,
        )
        one = figure(found, ModelKind.CLINICAL, arm=TreatmentArm.TACE)
        apparent.append(one.apparent.value)
        corrected.append(one.corrected.value)
        plus.append(one.plus_632.value)
        slopes.append(figure(found, ModelKind.CLINICAL, "cal_slope", TreatmentArm.TACE))
    assert np.mean(apparent) > 0.58
    assert all(one.apparent.value == pytest.approx(1) for one in slopes)
    assert np.mean([one.corrected.value for one in slopes]) < 0.5
    assert all(one.corrected.lower < one.corrected.upper for one in slopes)
    for values in (corrected, plus):
        assert abs(np.mean(values) - 0.5) < 4 * np.std(values, ddof=1) / np.sqrt(len(values))
        assert abs(np.mean(values) - 0.5) < 0.04


def test_a_resample_that_gives_no_model_is_counted(patients, parts, monkeypatch):
    whole = fit_path

    def failing(part, path, *, seed):
        if seed == draw_resample(patients, seed=SEED, number=1)[1]:
            msg = "expected at least 3 deaths"
            raise FitFailed(msg)
        return whole(part, path, seed=seed)

    monkeypatch.setattr("components.arms.optimism.fit_path", failing)
    found = optimism_of(PathPatients(patients.table, None), parts, n_resamples=4)
    assert found.failures == {"expected at least 3 deaths": 1}
    assert {one.n_resamples for one in found.figures} == {3}


def test_figures_that_most_resamples_lack_are_not_estimable(patients, parts, monkeypatch):
    def failing(part, path, *, seed):
        msg = "no"
        raise FitFailed(msg)

    _, clinical, evaluation, study = parts
    bare = PathPatients(patients.table, None)
    path = WholePath.of(None, clinical, n_folds=3)
    own = fit_path(bare, path, seed=SEED)
    monkeypatch.setattr("components.arms.optimism.fit_path", failing)
    found = bootstrap_optimism(bare, path, own, evaluation=evaluation, study=study, n_resamples=4)
    one = figure(found, ModelKind.CLINICAL)
    assert one.apparent.value is not None
    assert one.corrected.value is None
    assert "0 of 4 resamples" in one.corrected.note
    assert found.metrics() == {}


def test_plus_632_by_hand():
    # Apparent 0.7, left out 0.6: overfitting 0.1/0.2, weight 0.632/(1 - 0.368/2).
    weight = 0.632 / (1 - 0.368 * 0.5)
    by_hand = (1 - weight) * 0.7 + weight * 0.6
    assert plus_632(0.7, np.array([0.55, 0.65, np.nan])) == pytest.approx(by_hand)
    assert plus_632(0.7, np.array([0.4])) == pytest.approx(0.5)
    assert plus_632(0.6, np.array([0.65])) == pytest.approx(0.368 * 0.6 + 0.632 * 0.65)
    assert plus_632(0.7, np.array([np.nan])) is None


def test_metrics_name_the_corrected_figures(patients, parts):
    found = optimism_of(patients, parts)
    metrics = found.metrics()
    corrected = figure(found, ModelKind.COMBINED).corrected
    for model in ("combined", "nomogram"):
        assert metrics[f"optimism/hepatectomy/{model}/c_harrell"] == corrected.value
        assert metrics[f"optimism/hepatectomy/{model}/c_harrell_upper"] == corrected.upper
    assert "optimism/tace/clinical/cal_slope" in metrics
    assert "optimism/tace/clinical/c_uno_632plus" in metrics
    assert found.label == "conditional on the network"
