"""Faces followed by their boxes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfclip.films.tracks import GAP, Tracker, overlap

BOX = st.tuples(*[st.floats(0, 100)] * 2, *[st.floats(1, 50)] * 2).map(
    lambda one: (one[0], one[1], one[0] + one[2], one[1] + one[3])
)


def square(left, top=0.0, side=10.0):
    return left, top, left + side, top + side


@given(BOX, BOX)
def test_overlap_is_symmetric_and_a_share(one, other):
    assert 0 <= overlap(one, other) == overlap(other, one) <= 1 + 1e-9
    assert overlap(one, one) == pytest.approx(1)


def test_overlap_of_known_boxes():
    assert overlap(square(0), square(5)) == pytest.approx(50 / 150)
    assert overlap(square(0), square(10)) == 0
    assert overlap(square(0), square(0, side=5)) == pytest.approx(0.25)


def test_two_faces_that_move_keep_their_numbers():
    tracker = Tracker()
    for step in range(20):
        boxes = [square(step * 3.0), square(200 - step * 3.0, 40)]
        boxes = boxes[::-1] if step % 2 else boxes
        wanted = [2, 1] if step % 2 else [1, 2]
        assert tracker.follow(step * 0.5, boxes) == wanted


def test_the_nearer_of_two_goes_on_and_the_other_is_new():
    tracker = Tracker()
    assert tracker.follow(0, [square(0)]) == [1]
    assert tracker.follow(0.1, [square(4), square(1)]) == [2, 1]


def test_a_face_comes_back_within_the_gap_only():
    tracker = Tracker()
    assert tracker.follow(0, [square(0)]) == [1]
    assert tracker.follow(1, []) == []
    assert tracker.follow(GAP, [square(1)]) == [1]
    assert tracker.follow(2 * GAP + 0.01, [square(1)]) == [2]


def test_tracks_that_are_over_are_dropped():
    tracker = Tracker()
    for step in range(1000):
        tracker.follow(step * 3.0, [square(0), square(100)])
    assert len(tracker._seen) == 2
