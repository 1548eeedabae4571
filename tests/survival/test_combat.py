"""ComBat: equal to the published formulas, recovers batches, keeps what is to stay."""

import numpy as np
import pytest

from components.errors import FitFailed
from components.survival.combat import fit_combat


def cohort(n=120, p=40, seed=1, effect=0.0):
    """Two scanners, the second shifted by 2 and stretched by 1.5; an arm with its own effect."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((n, p)) + np.linspace(-3, 3, p)
    arm = rng.integers(2, size=(n, 1)).astype(float)
    batches = np.where(rng.random(n) < 0.5, "A", "B")
    truth += effect * arm
    seen = truth.copy()
    rows = batches == "B"
    noise = rng.normal(0, 0.2, p)
    seen[rows] = (truth[rows] - effect * arm[rows]) * 1.5 + 2 + noise + effect * arm[rows]
    return seen, batches, arm, truth


def by_the_paper(values, batches, arm):
    """Johnson et al. 2007, section 3.2, feature by feature and batch by batch, in plain loops."""
    names = sorted(set(batches))
    n, p = values.shape
    design = np.array(
        [[float(b == name) for name in names] + [a] for b, a in zip(batches, arm, strict=True)]
    )
    z, mean, sigma = np.zeros((n, p)), np.zeros((n, p)), np.zeros(p)
    for g in range(p):
        beta = np.linalg.solve(design.T @ design, design.T @ values[:, g])
        alpha = sum(beta[i] * np.mean(batches == name) for i, name in enumerate(names))
        sigma[g] = np.sqrt(np.mean((values[:, g] - design @ beta) ** 2))
        mean[:, g] = alpha + arm * beta[-1]
        z[:, g] = (values[:, g] - mean[:, g]) / sigma[g]
    out = np.zeros((n, p))
    for name in names:
        rows = np.flatnonzero(batches == name)
        m = len(rows)
        gamma_hat = [np.mean(z[rows, g]) for g in range(p)]
        delta_hat = [np.var(z[rows, g], ddof=1) for g in range(p)]
        gamma_bar, tau2 = np.mean(gamma_hat), np.var(gamma_hat, ddof=1)
        v, s2 = np.mean(delta_hat), np.var(delta_hat, ddof=1)
        lam, theta = (v**2 + 2 * s2) / s2, (v**3 + v * s2) / s2
        for g in range(p):
            gamma, delta = gamma_hat[g], delta_hat[g]
            for _ in range(500):
                gamma = (m * tau2 * gamma_hat[g] + delta * gamma_bar) / (m * tau2 + delta)
                delta = (theta + 0.5 * sum((z[rows, g] - gamma) ** 2)) / (m / 2 + lam - 1)
            out[rows, g] = sigma[g] / np.sqrt(delta) * (z[rows, g] - gamma) + mean[rows, g]
    return out


def test_it_is_the_published_formula():
    values, batches, arm, _ = cohort(n=30, p=6, effect=1.0)
    fitted = fit_combat(values, batches, arm)
    expected = by_the_paper(values, batches, arm[:, 0])
    np.testing.assert_allclose(fitted.apply(values, batches, arm), expected, rtol=1e-6)


def test_shifted_and_stretched_batches_become_one():
    values, batches, arm, _ = cohort(n=400)
    found = fit_combat(values, batches, arm).apply(values, batches, arm)
    apart = lambda x: np.abs(x[batches == "B"].mean(0) - x[batches == "A"].mean(0))  # noqa: E731
    ratio = lambda x: x[batches == "B"].std(0) / x[batches == "A"].std(0)  # noqa: E731
    assert apart(values).mean() > 1.5
    assert apart(found).mean() < 0.05
    assert ratio(values).mean() > 1.4
    assert ratio(found).mean() == pytest.approx(1, abs=0.03)


def test_held_out_patients_are_adjusted_by_what_others_taught():
    values, batches, arm, truth = cohort(n=800, p=30)
    train = np.arange(800) < 600
    fitted = fit_combat(values[train], batches[train], arm[train])
    found = fitted.apply(values[~train], batches[~train], arm[~train])
    assert np.array_equal(found[:5], fitted.apply(*(x[~train][:5] for x in (values, batches, arm))))
    rows = batches[~train] == "B"
    # All that is left of the truth is a change of unit that both batches share.
    slope = np.polyfit(truth[~train][rows].ravel(), found[rows].ravel(), 1)[0]
    other = np.polyfit(truth[~train][~rows].ravel(), found[~rows].ravel(), 1)[0]
    assert slope == pytest.approx(other, rel=0.05)


def test_the_effect_of_a_covariate_stays():
    values, batches, arm, _ = cohort(n=600, effect=3.0)
    found = fit_combat(values, batches, arm).apply(values, batches, arm)
    gain = found[arm[:, 0] == 1].mean() - found[arm[:, 0] == 0].mean()
    assert gain == pytest.approx(3.0, abs=0.15)


def test_a_batch_that_was_not_learnt_is_left_alone_and_known_as_such():
    values, batches, arm, _ = cohort()
    fitted = fit_combat(values, batches, arm)
    strange = np.array(["A", "C"])
    assert fitted.knows(strange).tolist() == [True, False]
    found = fitted.apply(values[:2], strange, arm[:2])
    assert not np.array_equal(found[0], values[0])
    assert np.array_equal(found[1], values[1])


def test_small_batches_and_features_that_do_not_vary_have_no_part():
    values, batches, arm, _ = cohort()
    batches[:2] = "two patients"
    values[:, 3] = 7.0
    fitted = fit_combat(values, batches, arm)
    assert fitted.batches == ("A", "B")
    found = fitted.apply(values, batches, arm)
    assert np.array_equal(found[:2], values[:2])
    assert np.all(found[:, 3] == 7.0)
    assert np.all(np.isfinite(found))


def test_what_cannot_be_fitted_is_said():
    values, batches, *_ = cohort(n=40)
    with pytest.raises(FitFailed, match="at least two batches of 3 patients or more, came 1"):
        fit_combat(values, np.full(40, "A"))
    with pytest.raises(FitFailed, match="a covariate is the same as belonging to a batch"):
        fit_combat(values, batches, (batches == "A").astype(float)[:, None])
