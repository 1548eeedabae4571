"""Whether scores tell the patients or the arms apart, and backbones against each other."""

import numpy as np
import pytest

from components.networks.arm_signal import signal_sentence
from components.networks.calibrating import write_temperature
from components.networks.honesty_records import Temperature
from components.networks.paired import compare_backbones, paired_difference
from components.networks.records import Configuration, EpochMetrics, SearchResult, TrialResult
from components.networks.selection import choose
from components.networks.tuning import arm_figures, mean_figure, plan_tuning
from components.survival.target import SurvivalTarget


def draw(n=1200, seed=3):
    """Both arms are followed beyond three years; after TACE far more die."""
    rng = np.random.default_rng(seed)
    arms = np.where(np.arange(n) % 2 == 0, "hepatectomy", "tace")
    latent = rng.normal(size=n)
    death = rng.exponential(np.where(arms == "tace", 800, 3000) * np.exp(-0.8 * latent))
    censored = rng.uniform(800, 4000, n)
    target = SurvivalTarget.of(np.minimum(death, censored) + 1, death <= censored)
    return target, arms, latent, rng


def chosen_row(target, arms, scores, *, label, evaluation, backbone):
    tuning = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)
    figures = arm_figures(tuning, target, arms, scores, level=0.95)
    configuration = Configuration(
        backbone="resnet18", number=0, learning_rate=1e-3, weight_decay=0, dropout=0,
        label_smoothing=0,
    )  # fmt: skip
    metrics = EpochMetrics(
        epoch=1,
        train_loss=0.5,
        tuning_target=mean_figure(list(figures.values())),
        arms={},
        seconds=1,
    )
    trial = TrialResult(
        configuration=configuration,
        status="finished",
        epochs_done=1,
        history=(metrics,),
        seconds=1,
        oof_scores=tuple(scores),
        fold_networks=(),
    )
    result = SearchResult(
        trials=(trial,),
        patient_ids=tuple(map(str, range(target.n))),
        fold_of=(0,) * target.n,
        total_epochs=1,
        tuning=tuning,
        device="cpu",
        mixed_precision=False,
        adaptations=(),
    )
    return choose(
        result, target, arms, label=label, evaluation=evaluation, backbone=backbone
    ).chosen_row


@pytest.fixture
def judge(label, evaluation, backbone):
    def run(target, arms, scores):
        return chosen_row(
            target, arms, scores, label=label, evaluation=evaluation, backbone=backbone
        )

    return run


def test_scores_that_know_only_the_arm_are_said_to(judge):
    target, arms, _, rng = draw()
    scores = np.where(arms == "tace", 0.6, 0.3) + 0.1 * rng.uniform(size=target.n)

    row = judge(target, arms, scores)

    assert row.pooled_auc.value > 0.65
    assert row.signal.verdict == "arm_only"
    assert "tell the arms apart, not the patients" in signal_sentence(row.signal)


def test_scores_that_know_the_patients_need_no_warning(judge):
    target, arms, latent, rng = draw()
    row = judge(target, arms, latent + rng.normal(size=target.n))

    assert row.signal.verdict == "patients"
    assert row.signal.within.lower > 0.5
    assert signal_sentence(row.signal) is None


def test_noise_tells_nobody_apart(judge):
    target, arms, _, rng = draw()
    row = judge(target, arms, rng.normal(size=target.n))

    assert row.signal.verdict == "nothing"
    assert "tell nobody apart" in signal_sentence(row.signal)


def test_the_best_of_many_configurations_needs_a_wider_interval(judge, label, evaluation):
    target, arms, latent, rng = draw()
    row = judge(target, arms, latent + rng.normal(size=target.n))
    signal = row.signal

    assert signal.n_configurations == 1
    assert signal.within.value == pytest.approx(row.tuning_target.value)
    assert signal.within.lower == pytest.approx(row.tuning_target.lower)


def test_pairs_of_backbones_are_signed_tested_and_adjusted(evaluation):
    target, arms, latent, rng = draw()
    tuning = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)
    scores = {
        "good": latent + 0.5 * rng.normal(size=target.n),
        "fair": latent + 3.0 * rng.normal(size=target.n),
        "poor": rng.normal(size=target.n),
    }
    pairs = compare_backbones(tuning, target, arms, scores, level=0.95)

    assert [(one.first, one.second) for one in pairs] == [
        ("good", "fair"), ("good", "poor"), ("fair", "poor"),
    ]  # fmt: skip
    assert all(one.difference.lower > 0 for one in pairs)
    assert all(one.p <= one.p_holm <= 1 for one in pairs)
    values = {
        name: mean_figure(list(arm_figures(tuning, target, arms, s, level=0.95).values()))
        for name, s in scores.items()
    }
    for one in pairs:
        assert one.difference.value == pytest.approx(values[one.first] - values[one.second])


def test_equal_scores_have_no_test(evaluation):
    target, arms, latent, _ = draw(200)
    tuning = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)
    said = paired_difference(tuning, target, arms, latent, latent, level=0.95)

    assert said.difference.value == 0
    assert said.p is None


def test_the_paired_interval_is_that_of_the_bootstrap(evaluation):
    target, arms, latent, rng = draw(400)
    tuning = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)
    first = latent + rng.normal(size=target.n)
    second = latent + rng.normal(size=target.n)
    stated = paired_difference(tuning, target, arms, first, second, level=0.95)
    drawn = [
        paired_difference(
            tuning, target.subset(rows), arms[rows], first[rows], second[rows], level=0.95
        ).difference.value
        for rows in (rng.integers(0, target.n, target.n) for _ in range(250))
    ]
    # 250 draws know a standard deviation to 4.5%.
    assert stated.std_error == pytest.approx(np.std(drawn), rel=0.2)


def test_the_calibration_stands_in_the_row_and_the_temperature_beside_the_network(judge, tmp_path):
    target, arms, latent, rng = draw()
    overconfident = 1 / (1 + np.exp(-6 * (latent + rng.normal(size=target.n))))
    row = judge(target, arms, overconfident)
    calibration = row.calibration

    assert {arm.value for arm in calibration.by_arm} == {"hepatectomy", "tace"}
    assert calibration.pooled.slope.upper < 1
    assert calibration.temperature.temperature > 1.5
    assert calibration.temperature.log_loss_after < calibration.temperature.log_loss_before
    path = write_temperature(calibration, tmp_path)
    assert Temperature.from_json(path.read_bytes()) == calibration.temperature
    assert "oof/tace/dl_probability/label_cal_slope_1095d" in calibration.metrics()

    assert write_temperature(None, tmp_path) is None
    assert not path.exists()


def test_the_curves_within_arms_enclose_the_areas_that_are_printed(judge):
    target, arms, latent, rng = draw()
    row = judge(target, arms, latent + rng.normal(size=target.n))

    assert set(row.arm_rocs) == set(row.within_arm_auc)
    for arm, curve in row.arm_rocs.items():
        area = np.trapezoid(curve.true_positive_rate, curve.false_positive_rate)
        assert area == pytest.approx(row.within_arm_auc[arm].value, abs=0.01)
