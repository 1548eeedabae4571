"""Model updating: each update has a known answer, and the closed test keeps its level."""

import numpy as np
import pytest

from components.arms.published import PublishedBaseline, read_published
from components.arms.published_patients import match_patients
from components.arms.updating import UpdatedModel, update_model
from components.cohort.schema import PREDICTORS as CODEBOOK
from components.errors import NoEventsInArm
from components.survival.calibration import calibration_slope
from components.survival.cox import fit_cox_model
from components.survival.partial_likelihood import baseline_hazard
from tests.arms.published_models import PREDICTORS, draw_patients, true_model


def updated(table, model=None, **options):
    model = model or true_model()
    return update_model(model, match_patients(model, table, CODEBOOK), **options)


def forced(table, kind, model=None):
    """The update of one kind: `alpha` between its p and those before it."""
    found = updated(table, model)
    level = found.update(kind).p
    return updated(table, model, alpha=1.0 if level is None else level)


def test_recalibration_in_the_large_is_the_log_of_observed_over_expected():
    table = draw_patients(200, seed=4, level=0.7)
    model = true_model()
    hazard = model.baseline.cumulative_hazard(table["os_days"].clip(upper=2990).tolist())
    expected = float(hazard @ np.exp(model.linear_predictor(table)))
    wanted = np.log(table["death"].sum() / expected)
    found = updated(table)
    assert found.log_observed_expected.value == pytest.approx(wanted, abs=1e-12)
    assert found.update("in_the_large").offset == pytest.approx(wanted, abs=1e-12)


def test_after_recalibration_in_the_large_observed_is_expected():
    table = draw_patients(200, seed=4, level=0.7)
    found = updated(table)
    assert found.chosen == "in_the_large"
    again = updated(table, found.model)
    assert again.log_observed_expected.value == pytest.approx(0.0, abs=1e-12)
    assert again.chosen == "none"


def test_the_slope_is_the_calibration_slope():
    table = draw_patients(400, seed=5, slope=0.4)
    model = true_model()
    scored = match_patients(model, table, CODEBOOK)
    slope = calibration_slope(scored.target, model.linear_predictor(table)).value
    found = updated(table)
    assert found.slope.value == pytest.approx(slope, abs=1e-12)
    ratio = found.update("slope").coefficients["bclc_stage=C"] / model.coefficients["bclc_stage=C"]
    assert ratio == pytest.approx(slope, abs=1e-12)
    assert found.chosen == "slope"


def test_a_new_baseline_is_efron_s_with_the_linear_predictor_as_it_is():
    table = draw_patients(300, seed=6)
    found = forced(table, "new_baseline", without_baseline())
    assert found.chosen == "new_baseline"
    lp = found.slope.value * without_baseline().linear_predictor(table)
    times, hazard = baseline_hazard(lp, match_patients(true_model(), table, CODEBOOK).target)
    at = float(times[times <= 700][-1])
    expected = np.exp(-np.exp(lp) * hazard[times <= 700][-1])
    model = found.model
    assert model.survival_at(model.linear_predictor(table), [at])[:, 0] == pytest.approx(
        expected, abs=1e-12
    )


def test_the_refit_is_the_cox_model_of_these_patients():
    rng = np.random.default_rng(7)
    table = draw_patients(300, seed=7)
    table["bclc_stage"] = rng.permutation(table["bclc_stage"])
    found = updated(table)
    assert found.chosen == "refit"
    target = match_patients(true_model(), table, CODEBOOK).target
    fitted = fit_cox_model(table, PREDICTORS, target)
    assert list(found.model.coefficients.values()) == pytest.approx(
        list(fitted.coefficients), abs=1e-10
    )
    ours = found.model.survival_at(found.model.linear_predictor(table), [365, 1095])
    theirs = fitted.survival_at(fitted.linear_predictor(table), [365, 1095])
    assert ours == pytest.approx(theirs, abs=1e-10)
    assert found.update("refit").log_partial_likelihood == pytest.approx(fitted.log_likelihood)


def test_larger_updates_are_likelier_and_the_test_counts_what_they_leave():
    found = updated(draw_patients(300, seed=8, slope=0.7, level=0.3))
    k, p = found.n_intervals, 4
    assert [one.kind for one in found.updates] == [
        "none",
        "in_the_large",
        "slope",
        "new_baseline",
        "refit",
    ]
    df = [one.degrees_of_freedom for one in found.updates]
    assert df == [p + k, p + k - 1, p - 1 + k - 1, p - 1, None]
    chi_square = [one.chi_square for one in found.updates[:-1]]
    assert chi_square == sorted(chi_square, reverse=True)


def test_a_true_model_is_left_alone_in_about_95_of_100():
    found = [updated(draw_patients(120, seed=100 + seed)) for seed in range(120)]
    kept = sum(one.chosen == "none" for one in found)
    # 114 are expected, 2.4 is the binomial standard deviation.
    assert 105 <= kept <= 120


def test_another_shape_of_the_baseline_is_found():
    table = draw_patients(400, seed=9)
    table["os_days"] = 1000 * (table["os_days"] / 1000) ** 2.2
    assert updated(table).chosen == "new_baseline"


def without_baseline():
    return true_model(baseline=None)


def test_without_a_baseline_the_least_update_is_a_new_one():
    found = updated(draw_patients(200, seed=4, level=0.7), without_baseline())
    assert found.chosen == "new_baseline"
    assert found.update("none").why_not == "no baseline survival was published"
    assert found.log_observed_expected.value is None
    assert found.model.baseline is not None


def test_horizons_are_joined_by_straight_lines_and_that_is_said():
    days = (365.0, 730.0, 1095.0)
    model = true_model(
        baseline=PublishedBaseline(
            kind="horizons",
            times_days=days,
            survival=tuple(np.exp(-np.log(2) * np.asarray(days) / 900).tolist()),
        )
    )
    table = draw_patients(300, seed=10)
    found = updated(table, model)
    # The hazard is constant: straight lines are right.
    time = table["os_days"].clip(upper=1095)
    dead = table["death"] & (table["os_days"] <= 1095)
    expected = (np.log(2) / 900 * time) @ np.exp(model.linear_predictor(table))
    assert found.log_observed_expected.value == pytest.approx(np.log(dead.sum() / expected))
    assert any("straight lines" in note for note in found.notes)
    assert any("followed beyond day 1095" in note for note in found.notes)


def test_a_level_that_no_patient_has_keeps_its_coefficient():
    table = draw_patients(300, seed=11)
    table = table[table["bclc_stage"] != "C"]
    found = updated(table, alpha=1.0)
    assert found.chosen == "refit"
    assert found.model.coefficients["bclc_stage=C"] == true_model().coefficients["bclc_stage=C"]
    assert any("bclc_stage=C does not vary" in note for note in found.notes)


def test_the_updated_model_is_a_published_one_and_the_record_comes_back_exactly():
    found = updated(draw_patients(200, seed=4, level=0.7))
    assert read_published(found.model.to_json(), where="x") == found.model
    assert UpdatedModel.from_json(found.to_json()) == found


def test_nobody_dead_is_an_error():
    table = draw_patients(50, seed=1).assign(death=0)
    with pytest.raises(NoEventsInArm, match="none of the 50"):
        updated(table)


def test_nobody_dead_while_the_baseline_lasts_is_an_error():
    baseline = PublishedBaseline(kind="steps", times_days=(0.5,), survival=(0.99,))
    table = draw_patients(50, seed=1).assign(os_days=lambda rows: rows["os_days"] + 1)
    with pytest.raises(NoEventsInArm, match=r"by day 0\.5"):
        updated(table, true_model(baseline=baseline))
