"""Nested cross-validation on features whose worth is known: a signal, or nothing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from components.errors import FitFailed
from components.signature import nested
from components.signature.nested import nested_signature
from components.signature.nested_records import FoldFigures, FoldOutcome, NestedSignature
from components.survival.target import SurvivalTarget

SCREENED = {
    "screen_p_value": 0.05,
    "screen_scope": "once",
    "cv_repeats": 1,
    "n_lambdas": 12,
}


@pytest.fixture(scope="module")
def run(cohort, section):
    """run(features, paths as changes of the section): two draws of three folds."""

    def nest(features, *, target=cohort.target, arms=cohort.arms, **changes):
        paths = changes.pop("paths", {"paper": SCREENED})
        return nested_signature(
            features,
            target,
            arms,
            paths={name: section(**change) for name, change in paths.items()},
            n_folds=3,
            n_repeats=2,
            seed=20260126,
            **changes,
        )

    return nest


@pytest.fixture(scope="module")
def signal(run, cohort):
    return run(cohort.tables[0], paths={"paper": SCREENED, "sound": {"cv_repeats": 1}})


@pytest.fixture(scope="module")
def noise():
    """Outcomes of 70 patients, and 300 features that know nothing of them."""
    rng = np.random.default_rng(11)
    target = SurvivalTarget.of(rng.exponential(900, 70) + 1, rng.random(70) < 0.85)
    return rng.normal(size=(70, 300)), target, np.array(["tace"] * 70)


def test_a_known_signal_has_evident_value_by_every_path(signal):
    for path in signal.paths.values():
        assert path.honest.estimate.value > 0.62
        assert path.has_evident_value
        assert path.apparent > path.honest.estimate.value
    assert np.shape(signal.paths["paper"].honest.values) == (2, 3)
    assert signal.n_by_arm["tace"] + signal.n_by_arm["hepatectomy"] == signal.n == 180


def test_noise_is_worth_a_half_and_a_filter_outside_the_folds_hides_it(run, noise):
    features, target, arms = noise
    path = run(features, target=target, arms=arms).paths["paper"]
    assert path.honest.estimate.value == pytest.approx(0.5, abs=0.08)
    assert not path.has_evident_value
    assert path.leaky.estimate.value > 0.62
    assert path.leak > 0.1
    assert path.apparent > 0.75


def test_a_screen_inside_the_folds_of_the_penalty_lets_noise_select_nothing(run, noise):
    features, target, arms = noise
    inside = {**SCREENED, "screen_scope": "each_fold", "rule": "lambda_1se"}
    path = run(features, target=target, arms=arms, paths={"sound": inside}).paths["sound"]
    assert path.n_selected == 0
    assert path.apparent == 0.5


def test_strata_too_small_for_the_outer_folds_are_said(run, cohort):
    arms = np.full(cohort.target.n, "hepatectomy")
    arms[np.flatnonzero(cohort.target.event)[:2]] = "tace"
    arms[np.flatnonzero(~cohort.target.event)[:2]] = "tace"
    found = run(cohort.tables[0], arms=arms, paths={"sound": {"cv_repeats": 1, "n_lambdas": 5}})
    assert set(found.merged_strata) == {"tace, died", "tace, alive"}


def test_a_path_without_a_screen_has_no_leak_to_show(signal):
    assert signal.paths["sound"].leaky is None
    assert signal.paths["sound"].leak is None
    assert signal.paths["sound"].n_after_screen == signal.paths["sound"].n_after_correlation


def test_a_fold_in_which_nothing_is_selected_counts_a_half(run, cohort):
    path = run(cohort.noise, paths={"sound": {"rule": "lambda_1se", "cv_repeats": 1}}).paths[
        "sound"
    ]
    assert path.honest.n_null == 6
    assert path.honest.values == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert path.honest.sd_folds == 0
    assert path.apparent == 0.5
    assert path.n_selected == 0


def test_held_out_patients_do_not_touch_their_signature(run, cohort, monkeypatch):
    """Whatever is done to a fold's features, what is fitted for it stays the same."""
    fitted = []

    def note(*arguments, **named):
        fitted.append(signature := nested_fit(*arguments, **named))
        return signature

    nested_fit = nested.fit_signature
    monkeypatch.setattr(nested, "fit_signature", note)
    run(cohort.tables[0], map=lambda function, tasks: [function(tasks[0])] * 6)
    before = [one for one in fitted if one.n < 180]
    fitted.clear()

    def spoilt(function, tasks):
        fold = tasks[0]
        table = fold.patients.features.copy()
        table[fold.held_out] *= -3
        died = np.where(fold.held_out, ~fold.patients.target.event, fold.patients.target.event)
        patients = replace(
            fold.patients, features=table, target=replace(fold.patients.target, event=died)
        )
        return [function(replace(fold, patients=patients))] * 6

    run(cohort.tables[0], map=spoilt)
    assert [one for one in fitted if one.n < 180] == before
    assert len(before) == 2


def test_exact_json_round_trip(signal):
    text = signal.to_json()
    assert '"schema":"armwise.nested_signature/1"' in text
    assert NestedSignature.from_json(text) == signal


def test_folds_sent_elsewhere_give_the_same_numbers(run, cohort, signal):
    """As a pool of processes would send them; that real ones agree, the flow's step shows."""
    seen = []

    def elsewhere(function, tasks):
        for task in tasks:
            sent, received = pickle.loads(pickle.dumps((function, task)))
            yield pickle.loads(pickle.dumps(sent(received)))

    again = run(
        cohort.tables[0],
        paths={"paper": SCREENED, "sound": {"cv_repeats": 1}},
        map=elsewhere,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert again == signal
    assert seen == [(done, 6) for done in range(1, 7)]


def test_figures_stand_under_their_names(signal):
    metrics = signal.metrics()
    honest = signal.paths["paper"].honest.estimate
    name = "nested/within_arms/dl_signature_paper/c_harrell"
    assert metrics[name] == honest.value
    assert metrics[f"{name}_lower"] == honest.lower
    assert "leaky/within_arms/dl_signature_paper/c_harrell" in metrics
    assert "leaky/within_arms/dl_signature_sound/c_harrell" not in metrics


def test_a_fold_that_cannot_be_fitted_is_counted_and_named(cohort):
    outcomes = [FoldOutcome(0.6), FoldOutcome(None, why="too few"), FoldOutcome(0.7)] * 2
    figures = FoldFigures.of(outcomes, cohort.target, n_folds=3, level=0.95)
    assert figures.missing == {"too few": 2}
    assert figures.estimate.value == pytest.approx(0.65)
    nothing = FoldFigures.of(outcomes[1:2], cohort.target, n_folds=3, level=0.95)
    assert nothing.estimate.value is None
    assert nothing.sd_repeats is None


def test_features_that_are_not_finite_are_refused(run, cohort):
    table = cohort.tables[0].copy()
    table[3, 2] = np.nan
    with pytest.raises(FitFailed, match="not finite"):
        run(table)
