import itertools

import numpy as np
import pytest

from components.platform.halving import Standing, TrialRow, standing

RUNGS = (2, 4, 6)


def row(number, *targets, group="resnet18"):
    return TrialRow(f"{group}-{number}", group, number, targets)


def stand(*rows, reduction=2):
    return standing(rows, rungs=RUNGS, reduction=reduction)


def test_everybody_trains_to_the_first_rung():
    found = stand(row(0), row(1, 0.6), row(2, 0.5, 0.5), row(3))

    assert set(found.values()) == {Standing(2, is_out=False)}


def test_the_better_half_goes_on_once_all_have_reached_the_rung():
    found = stand(row(0, 0.9, 0.5), row(1, 0.1, 0.7), row(2, 0.1, 0.6), row(3, 0.1, 0.4))

    assert {key for key, due in found.items() if not due.is_out} == {"resnet18-1", "resnet18-2"}
    assert found["resnet18-1"] == Standing(4, is_out=False)
    assert found["resnet18-0"] == Standing(2, is_out=True)


def test_the_last_one_trains_to_the_end():
    found = stand(
        row(0, 0.5, 0.5),
        row(1, 0.5, 0.7, 0.7, 0.6),
        row(2, 0.5, 0.6, 0.6, 0.65),
        row(3, 0.5, 0.4),
    )

    assert found["resnet18-2"] == Standing(6, is_out=False)
    assert [key for key, due in found.items() if due.is_out] == [
        "resnet18-0",
        "resnet18-1",
        "resnet18-3",
    ]


def test_equal_figures_go_by_number_and_diverged_trials_last():
    found = stand(row(3, 0.5, 0.5), row(2, 0.5, 0.5), row(1, 0.5, 0.5), row(0, 0.5, None))

    assert not found["resnet18-1"].is_out
    assert not found["resnet18-2"].is_out
    assert found["resnet18-0"].is_out


def test_backbones_do_not_wait_for_each_other():
    found = stand(row(0, 0.5, 0.5), row(1, 0.5, 0.6), row(0, group="resnet50"))

    assert found["resnet18-1"] == Standing(4, is_out=False)
    assert found["resnet50-0"] == Standing(2, is_out=False)


@pytest.mark.parametrize(
    ("n", "reduction", "epochs"), [(4, 2, 14), (3, 2, 10), (9, 3, 26), (1, 2, 6)]
)
def test_any_order_of_reports_ends_with_the_same_winner_and_epochs(n, reduction, epochs):
    """Trials advance by an epoch in random order, and any of them may fall back to a rung."""
    curves = np.random.default_rng(n).permutation(n * 6).reshape(n, 6) / (n * 6)
    winners = set()
    for seed in range(20):
        rng = np.random.default_rng(seed)
        done = [0] * n
        for _ in itertools.repeat(None, 1000):
            rows = [row(i, *curves[i, : done[i]]) for i in rng.permutation(n)]
            due = stand(*rows, reduction=reduction)
            able = [i for i in range(n) if done[i] < due[f"resnet18-{i}"].until]
            if not able:
                break
            chosen = rng.choice(able)
            done[chosen] += 1
            if rng.random() < 0.1 and done[chosen] % 2 == 1:
                done[chosen] -= 1  # killed between two rungs
        assert sum(done) == epochs
        winners.add(tuple(i for i in range(n) if done[i] == 6))

    assert len(winners) == 1
