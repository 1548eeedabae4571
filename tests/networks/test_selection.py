import numpy as np
import pytest

from components.errors import FitFailed
from components.networks.records import (
    Configuration,
    EpochMetrics,
    SearchResult,
    TrialResult,
)
from components.networks.selection import choose
from components.networks.tuning import arm_figures, mean_figure, plan_tuning
from components.study.vocabulary import TreatmentArm
from components.survival.target import SurvivalTarget


@pytest.fixture(scope="module")
def sample():
    """Both arms are followed for eight years; deaths are commoner after TACE."""
    rng = np.random.default_rng(8)
    n = 300
    arms = np.where(np.arange(n) % 3 < 2, "hepatectomy", "tace")
    latent = rng.normal(size=n)
    death = rng.exponential(np.where(arms == "tace", 700, 2000) * np.exp(-0.8 * latent))
    censored = rng.uniform(500, 3000, n)
    target = SurvivalTarget.of(np.minimum(death, censored) + 1, death <= censored)
    return target, arms, latent


@pytest.fixture
def make_result(sample, evaluation):
    target, arms, latent = sample
    tuning = plan_tuning(target, arms, horizon_days=1095, evaluation=evaluation)

    def trial(key, noise, status="finished"):
        name, _, number = key.rpartition("-")
        rng = np.random.default_rng(int(number))
        scores = None
        if noise is not None:
            scores = 1 / (1 + np.exp(-latent - noise * rng.normal(size=target.n)))
        value = None
        if scores is not None:
            value = mean_figure(
                list(arm_figures(tuning, target, arms, scores, level=0.95).values())
            )
        return TrialResult(
            configuration=Configuration(
                backbone=name,
                number=int(number),
                learning_rate=1e-3,
                weight_decay=1e-3,
                dropout=0,
                label_smoothing=0,
            ),
            status=status,
            epochs_done=2,
            history=(
                EpochMetrics(epoch=2, train_loss=0.5, tuning_target=value, arms={}, seconds=1),
            ),
            seconds=1,
            oof_scores=(None,) * target.n if scores is None else tuple(scores),
            fold_networks=(),
        )

    def result(*trials):
        return SearchResult(
            trials=tuple(trial(*specification) for specification in trials),
            patient_ids=tuple(f"p{i}" for i in range(target.n)),
            fold_of=(0,) * target.n,
            total_epochs=2,
            tuning=tuning,
            device="cpu",
            mixed_precision=False,
            adaptations=(),
        )

    return result


@pytest.fixture
def pick(sample, label, evaluation, backbone):
    target, arms, _ = sample

    def run(result, rule="one_standard_error"):
        section = backbone.model_copy(update={"selection": rule})
        return choose(result, target, arms, label=label, evaluation=evaluation, backbone=section)

    return run


def test_a_little_better_is_not_worth_more_multiply_adds(make_result, pick):
    result = make_result(("resnet18-0", 0.35), ("resnet50-0", 0.3), ("densenet121-0", 0.32))

    lean, best = pick(result), pick(result, rule="best")

    targets = {row.backbone: row.tuning_target.value for row in lean.rows}
    assert targets["resnet50"] > targets["resnet18"]
    assert (lean.backbone, best.backbone) == ("resnet18", "resnet50")
    assert "fewest multiply-adds" in lean.reason
    assert [row.is_chosen for row in lean.rows] == [True, False, False]


def test_much_better_is_worth_them(make_result, pick):
    choice = pick(make_result(("resnet18-0", 8.0), ("resnet50-0", 0.1), ("densenet121-0", 8.0)))

    assert choice.backbone == "resnet50"
    assert "no backbone with fewer multiply-adds lies within" in choice.reason


def test_a_backbones_row_is_its_best_finished_trial(make_result, pick):
    choice = pick(
        make_result(("resnet18-0", 3.0), ("resnet18-1", 1.0), ("resnet18-2", 0.1, "stopped"))
    )

    assert [row.configuration.key for row in choice.rows] == ["resnet18-1"]
    assert "selected" in choice.rows[0].tuning_target.note


def test_the_row_stands_beside_what_the_arm_alone_knows(make_result, pick):
    row = pick(make_result(("resnet18-0", 0.5))).rows[0]

    # Deaths by three years are much commoner after TACE: the arm alone tells something.
    assert 0.55 < row.arm_only_auc.value < 0.8
    assert set(row.within_arm_auc) == {TreatmentArm.HEPATECTOMY, TreatmentArm.TACE}
    assert all(figure.lower < figure.value < figure.upper for figure in row.within_arm_auc.values())
    assert row.tuning_target.value == pytest.approx(
        np.mean([figure.value for figure in row.arm_targets.values()])
    )
    curve = row.roc
    youden = np.max(np.subtract(curve.true_positive_rate, curve.false_positive_rate))
    assert row.sensitivity.value + row.specificity.value - 1 == pytest.approx(youden)
    assert row.pooled_auc.value > 0.6


def test_an_arm_below_the_horizon_rule_has_no_auc(
    make_result, pick, sample, label, evaluation, backbone
):
    target, arms, _ = sample
    strict = evaluation.model_copy(update={"minimum_at_risk_after": 40})
    choice = choose(
        make_result(("resnet18-0", 0.5)),
        target,
        arms,
        label=label,
        evaluation=strict,
        backbone=backbone,
    )

    assert choice.rows[0].within_arm_auc[TreatmentArm.TACE].value is None
    assert choice.rows[0].within_arm_auc[TreatmentArm.HEPATECTOMY].value is not None


def test_diverged_trials_are_passed_over_and_none_left_is_an_error(make_result, pick):
    choice = pick(make_result(("resnet18-0", None), ("resnet18-1", 2.0)))
    assert choice.configuration.key == "resnet18-1"

    with pytest.raises(FitFailed, match="training diverged in every trial"):
        pick(make_result(("resnet18-0", None)))


def test_a_choice_survives_its_json(make_result, pick):
    choice = pick(make_result(("resnet18-0", 0.5), ("densenet121-0", 0.5)))

    assert type(choice).from_json(choice.to_json()) == choice
