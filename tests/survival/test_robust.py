import numpy as np
import pytest
from hypothesis import given, settings

from components.errors import UsageError
from components.survival.newton import fit_cox
from tests.survival.strategies import samples


@settings(deadline=None, max_examples=25)
@given(drawn=samples())
def test_patients_entered_twice_and_clustered_are_as_certain_as_once(drawn):
    x, target = drawn
    rows = np.repeat(np.arange(target.n), 2)
    once = fit_cox(x, target, ties="breslow", robust=True)
    twice = fit_cox(x[rows], target.subset(rows), ties="breslow", cluster=rows)
    np.testing.assert_allclose(twice.coefficients, once.coefficients, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(twice.robust_covariance, once.robust_covariance, rtol=1e-6)
    assert twice.standard_errors[0] < 0.8 * once.standard_errors[0]


def test_clusters_of_one_are_no_clusters_and_names_of_clusters_do_not_matter(sample):
    x, target = sample
    plain = fit_cox(x, target, robust=True)
    alone = fit_cox(x, target, cluster=np.arange(target.n)[::-1])
    np.testing.assert_allclose(alone.robust_covariance, plain.robust_covariance, rtol=1e-12)
    assert alone.robust_score.p == pytest.approx(plain.robust_score.p)
    number = np.arange(target.n) // 3
    named = np.array([f"center {one}" for one in number])
    np.testing.assert_allclose(
        fit_cox(x, target, cluster=named).robust_covariance,
        fit_cox(x, target, cluster=number).robust_covariance,
        rtol=1e-12,
    )


def test_a_patient_of_weight_0_is_in_no_cluster(sample):
    x, target = sample
    weights, cluster = np.ones(target.n), np.arange(target.n) // 4
    weights[:10] = 0
    own = fit_cox(x, target, weights=weights, cluster=cluster)
    without = fit_cox(x[10:], target.subset(np.arange(10, target.n)), cluster=cluster[10:])
    np.testing.assert_allclose(own.robust_covariance, without.robust_covariance, rtol=1e-12)
    assert own.notes == ("10 patients of weight 0 were left out",)


def test_the_robust_covariance_is_given_only_where_asked_and_never_of_the_exact_fit(sample):
    x, target = sample
    fit = fit_cox(x, target)
    assert fit.robust_covariance is fit.robust_standard_errors is fit.robust_score is None
    with pytest.raises(UsageError, match="exact"):
        fit_cox(x, target, ties="exact", robust=True)


def test_with_a_ridge_penalty_it_is_the_sandwich_of_the_penalised_information(sample):
    x, target = sample
    held = fit_cox(x, target, ridge=30.0, robust=True)
    assert (np.diag(held.robust_covariance) < np.diag(held.covariance)).all()
    freer = fit_cox(x, target, ridge=1e-9, robust=True)
    free = fit_cox(x, target, robust=True)
    np.testing.assert_allclose(freer.robust_covariance, free.robust_covariance, rtol=1e-6)
