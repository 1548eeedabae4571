from dataclasses import replace

import numpy as np
import pytest

from components.errors import UsageError
from components.signature.cross_fit import cross_fit, decide_null, in_sample
from components.signature.report import report_signature
from components.signature.signature import fit_signature

NETWORKS = ("resnet18-0/fold0", "resnet18-0/fold1", "resnet18-0/fold2")


@pytest.fixture(scope="module")
def run(cohort, section):
    """run(tables, **changes of the section): the cross-fit of all patients."""

    def fit(tables, *, target=cohort.target, **changes):
        return cross_fit(
            tables,
            target,
            cohort.arms,
            cohort.fold_of,
            section=section(**changes),
            network_ids=NETWORKS[: len(tables)],
            seed=20260126,
        )

    return fit


@pytest.fixture(scope="module")
def deployed(cohort, section):
    return fit_signature(
        cohort.tables[0],
        cohort.target,
        cohort.arms,
        section=section(),
        network_id="resnet18-0",
        rng=np.random.default_rng(3),
    )


def test_scores_find_the_latent_risk_across_networks(run, cohort):
    found = run(cohort.tables)
    assert np.corrcoef(found.scores, cohort.latent)[0, 1] > 0.5
    assert found.n_null_folds == 0
    assert [signature.network_id for signature in found.signatures] == list(NETWORKS)
    assert [s.n for s in found.signatures] == [120, 120, 120]


def test_a_folds_patients_do_not_touch_their_own_signature(run, cohort):
    """Whatever is done to a fold's outcomes and features, its signature stays the same."""
    before = run(cohort.tables)
    held_out = cohort.fold_of == 1
    tables = [table.copy() for table in cohort.tables]
    tables[1][held_out] *= 5.0
    died = cohort.target.event.copy()
    died[held_out] = ~died[held_out]
    after = run(tables, target=replace(cohort.target, event=died))
    assert after.signatures[1] == before.signatures[1]
    assert after.signatures[0] != before.signatures[0]


def test_same_seed_same_scores(run, cohort):
    np.testing.assert_array_equal(run(cohort.tables).scores, run(cohort.tables).scores)


def test_tables_must_be_one_a_fold(run, cohort):
    with pytest.raises(UsageError, match="each of 3 folds, came 2 tables"):
        run(cohort.tables[:2])


def test_null_is_decided_once_for_all_folds(run, cohort, deployed):
    found, nothing = run(cohort.tables), run([cohort.noise] * 3, rule="lambda_1se")
    assert nothing.n_null_folds == 3
    assert not decide_null(deployed, found)
    assert decide_null(deployed, nothing)
    assert decide_null(nothing.signatures[0], found)
    one_null = replace(found, signatures=(*found.signatures[:2], nothing.signatures[0]))
    assert not decide_null(deployed, one_null)
    two_null = replace(found, signatures=(found.signatures[0], *nothing.signatures[:2]))
    assert decide_null(deployed, two_null)


def test_report_stands_by_arm_and_warns_of_another_spread(run, cohort, deployed):
    found = run(cohort.tables)
    arguments = (deployed, found, cohort.target, cohort.arms)
    report = report_signature(*arguments, deployed_unseen=found.scores)
    assert not report.is_null
    assert report.sd_ratio == pytest.approx(1.0)
    assert not report.sd_ratio_warns
    assert set(report.c_cross_fitted) == {"hepatectomy", "tace"}
    assert report.c_cross_fitted["hepatectomy"].value > 0.55
    assert report.c_cross_fitted["hepatectomy"].n == np.sum(cohort.arms == "hepatectomy")
    assert len(report.coefficients) == report.n_selected == len(deployed.feature_indices)
    wide = report_signature(*arguments, deployed_unseen=2 * found.scores)
    assert wide.sd_ratio == pytest.approx(0.5)
    assert wide.sd_ratio_warns
    assert type(report).from_json(report.to_json()) == report


def test_report_of_a_null_signature_has_no_ratio(run, cohort, deployed):
    nothing = run([cohort.noise] * 3, rule="lambda_1se")
    report = report_signature(
        deployed, nothing, cohort.target, cohort.arms, deployed_unseen=np.zeros(20)
    )
    assert report.is_null
    assert report.sd_ratio is None
    assert not report.sd_ratio_warns
    assert report.fold_selected == (0, 0, 0)
    assert report.c_cross_fitted["tace"].value == 0.5


def test_in_sample_scores_are_the_deployed_signature_of_its_own_patients(cohort, section):
    features = cohort.tables[0]
    deployed = fit_signature(
        features,
        cohort.target,
        cohort.arms,
        section=section(),
        network_id="n",
        rng=np.random.default_rng(0),
    )
    seen = in_sample(deployed, features)
    assert np.array_equal(seen.scores, deployed.apply(features))
    report = report_signature(
        deployed, seen, cohort.target, cohort.arms, deployed_unseen=seen.scores
    )
    assert report.c_cross_fitted == {}
    assert set(report.c_in_sample) == {"hepatectomy", "tace"}
    assert report.fold_selected == ()
    assert not report.is_null
