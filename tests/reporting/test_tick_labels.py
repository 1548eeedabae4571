import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.reporting.tick_labels import every_nth, lanes, text_width_in, thinned

positions = st.lists(st.floats(0, 9), min_size=1, max_size=15)


def apart(a, b, width):
    return abs(a - b) >= width


@given(positions, st.floats(0.05, 1.5))
def test_labels_of_a_lane_never_overlap(places, width):
    chosen = lanes(places, [width] * len(places))
    for i, j in itertools.combinations(range(len(places)), 2):
        assert chosen[i] != chosen[j] or apart(places[i], places[j], width)


@given(positions, st.floats(0.05, 1.5))
def test_thinned_labels_never_overlap_and_keep_the_first_in_priority(places, width):
    kept = thinned(places, [width] * len(places), range(len(places)))
    assert 0 in kept
    for i, j in itertools.combinations(kept, 2):
        assert apart(places[i], places[j], width)


@pytest.mark.parametrize(("step", "expected"), [(1.0, [0, 1, 2, 3, 4]), (0.3, [0, 2, 4])])
def test_even_scale_keeps_every_nth_label(step, expected):
    assert every_nth([step * k for k in range(5)], [0.4] * 5) == expected


def test_width_grows_with_the_text_and_its_size():
    assert text_width_in("incomplete", 8) > text_width_in("A", 8) > 0
    assert text_width_in("A", 16) == pytest.approx(2 * text_width_in("A", 8), rel=0.05)
