"""The replay of halving decides as the search does and counts what that costs."""

import math

from benchmarks.search_replay import climbing, epochs_needed, read, replay

RISING = [tuple(number / 10 + epoch / 100 for epoch in range(4)) for number in range(4)]
"""The later, the better, from the first epoch on."""


def test_who_is_best_throughout_survives():
    climb = climbing(RISING, [2, 0, 3, 1], rungs=(1, 2, 4), reduction=2)

    assert list(climb) == [(4, [2, 0, 3, 1]), (6, [2, 3]), (8, [3])]


def test_epochs_are_counted_until_a_good_one_has_been_trained_to_the_end():
    ladder = {"rungs": (1, 2, 4), "reduction": 2, "at_the_end": True}

    # 4 to epoch 1, 2 on to epoch 2, 1 on to epoch 4.
    assert epochs_needed(RISING, [2, 0, 3, 1], bracket=4, good={3}, **ladder) == 4 + 2 + 2
    # Pairs: 2 + 1 + 2 each, and the good one is in the second.
    assert epochs_needed(RISING, [2, 0, 3, 1], bracket=2, good={3}, **ladder) == 10
    late = [*RISING[:3], (0.0, 0.0, 0.0, 0.9)]
    assert epochs_needed(late, [2, 0, 3, 1], bracket=4, good={3}, **ladder) == math.inf


def test_what_leads_on_the_way_is_chosen_until_another_comes_further():
    ladder = {"rungs": (1, 2, 4), "reduction": 2, "at_the_end": False}

    assert epochs_needed(RISING, [2, 0, 3, 1], bracket=4, good={3}, **ladder) == 4
    # The second pair leads the first at every rung, and is chosen when it has come as far.
    assert epochs_needed(RISING, [2, 0, 3, 1], bracket=2, good={3}, **ladder) == 10
    misled = [*RISING[:3], (0.0, 0.9, 0.9, 0.9)]
    assert epochs_needed(misled, [2, 0, 3, 1], bracket=4, good={3}, **ladder) == math.inf


def test_the_kept_curves_are_whole_and_halving_reaches_what_random_search_does():
    curves = read()

    halving, random = replay(curves, rungs=(1, 3, 9, 27), reduction=3, bracket=27, at_the_end=True)

    assert len(curves) == 64
    assert {len(curve) for curve in curves} == {27}
    assert all(0 < value < 1 for curve in curves for value in curve if value is not None)
    assert len(halving) == len(random) == 1000
    assert min(random) == 27
    assert set(halving) <= {81, 162, 162 + 10 + 6 + 6 + 18, math.inf}
