"""Logistic regression of the risk label: weights, cut-off, figures, and when there is none."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from components.arms.label_regression import LabelledPart, LabelRegression, fit_label_regression
from components.study.protocol import read_protocol
from components.study.vocabulary import ModelKind, Split, TreatmentArm
from components.survival.discrimination import auc_ipcw
from components.survival.ipcw import label_weights, risk_labels

ARM = TreatmentArm.HEPATECTOMY
NAMES = ("size", "marker")
PROTOCOL = read_protocol(Path(__file__).parents[2] / "flows" / "protocols" / "demo.yaml")


def draw(n, *, seed, effect=1.0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2)) * [3.0, 1.0] + [10.0, 0.0]
    death = rng.exponential(1500 * np.exp(-effect * (0.3 * (x[:, 0] - 10) + 0.8 * x[:, 1])))
    censored = rng.uniform(200, 2600, n)
    table = pd.DataFrame(
        {"os_days": np.minimum(death, censored) + 1, "death": (death <= censored).astype(int)}
    )
    return LabelledPart(table, [x])


def fitted(train, test, **label):
    return fit_label_regression(
        ARM,
        ModelKind.CLINICAL,
        NAMES,
        {Split.TRAIN: train, Split.TEST: test},
        label=PROTOCOL.label.model_copy(update=label),
        evaluation=PROTOCOL.evaluation,
    )


@pytest.fixture(scope="module")
def train():
    return draw(250, seed=1)


@pytest.fixture(scope="module")
def test():
    return draw(150, seed=2)


def test_the_coefficients_maximise_the_weighted_penalised_likelihood(train, test):
    found = fitted(train, test)
    target, x = train.target, train.columns[0]
    labels = risk_labels(target, 1095)
    weights = label_weights(target, 1095, fitted_on=target, cap=20)
    known = weights > 0
    weights = weights[known] / weights[known].mean()
    z = (x[known] - x[known].mean(axis=0)) / x[known].std(axis=0)
    sign = np.where(labels[known] == 1, 1.0, -1.0)

    def loss(b):
        return weights @ np.log1p(np.exp(-sign * (b[0] + z @ b[1:]))) + 0.5 * b[1:] @ b[1:]

    best = minimize(loss, np.zeros(3), tol=1e-12).x
    expected = best[1:] / x[known].std(axis=0)
    assert list(found.coefficients.values()) == pytest.approx(expected, abs=1e-5)
    assert found.intercept == pytest.approx(best[0] - expected @ x[known].mean(axis=0), abs=1e-4)
    assert found.n_labelled == known.sum()


def test_the_figures_are_those_of_the_log_odds_by_ipcw(train, test):
    found = fitted(train, test)
    target = test.target
    score = test.columns[0] @ list(found.coefficients.values())
    weights = label_weights(target, 1095, fitted_on=target, cap=20)
    expected = auc_ipcw(target, score, horizon_days=1095, weights=weights)
    assert found.estimates[Split.TEST]["auc_cd_1095d"].value == pytest.approx(expected.value)
    labels = risk_labels(target, 1095)
    high = score + found.intercept > found.cutoff
    dead = labels == 1
    sensitivity = np.average(high[dead], weights=weights[dead])
    assert found.estimates[Split.TEST]["sensitivity_1095d"].value == pytest.approx(sensitivity)
    specificity = found.estimates[Split.TEST]["specificity_1095d"]
    assert specificity.value == pytest.approx(np.mean(~high[labels == 0]))
    assert specificity.lower < specificity.value < specificity.upper


def test_the_cutoff_is_youden_s_in_training(train, test):
    found = fitted(train, test)
    figures = found.estimates[Split.TRAIN]
    target = train.target
    score = train.columns[0] @ list(found.coefficients.values()) + found.intercept
    weights = label_weights(target, 1095, fitted_on=target, cap=20)
    labels = risk_labels(target, 1095)
    gains = [
        np.average(score[labels == 1] > cut, weights=weights[labels == 1])
        + np.average(score[labels == 0] <= cut, weights=weights[labels == 0])
        for cut in score
    ]
    reached = figures["sensitivity_1095d"].value + figures["specificity_1095d"].value
    assert reached == pytest.approx(max(gains))


def test_completed_tables_are_averaged(train, test):
    shifted = LabelledPart(train.table, [train.columns[0], train.columns[0] + [1.0, 0.0]])
    same = LabelledPart(test.table, [test.columns[0], test.columns[0]])
    once, both = fitted(train, test), fitted(shifted, same)
    assert both.coefficients == pytest.approx(once.coefficients)
    expected = once.intercept - 0.5 * once.coefficients["size"]
    assert both.intercept == pytest.approx(expected)


def test_dropping_the_unknown_is_another_regression(train, test):
    dropped = fitted(train, test, unknown="drop")
    known = int(np.sum(risk_labels(train.target, 1095) >= 0))
    assert dropped.n_labelled == dropped.effective_n == known
    assert dropped.estimates[Split.TRAIN]["auc_cd_1095d"].n == known
    assert dropped.coefficients != fitted(train, test).coefficients


def test_naively_the_unknown_count_as_high_risk(train, test):
    assert fitted(train, test, unknown="naive").n_labelled == len(train.table)


def test_where_the_horizon_rule_refuses_there_is_no_regression(test):
    early = draw(120, seed=3)
    cut = early.table.assign(os_days=early.table["os_days"].clip(upper=800))
    found = fitted(LabelledPart(cut, early.columns), test)
    assert found.coefficients == {}
    assert "0 patients seen beyond 1095 days" in found.why_not
    assert all(one.value is None for each in found.estimates.values() for one in each.values())


def test_a_small_test_set_has_no_figures_but_the_regression_stands(train):
    small = draw(12, seed=4)
    found = fitted(train, small)
    assert found.why_not is None
    assert found.estimates[Split.TEST]["auc_cd_1095d"].value is None
    assert found.estimates[Split.TRAIN]["auc_cd_1095d"].value is not None


def test_the_record_comes_back_exactly(train, test):
    found = fitted(train, test)
    assert LabelRegression.from_json(found.to_json()) == found
