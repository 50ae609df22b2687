from __future__ import annotations

import numpy as np
import pytest

from mfclip.errors import DataError
from mfclip.metrics.matching import matched


def test_scores_follow_the_first_table_s_images(drawn):
    a = drawn(30, group=["x", "y"] * 15)
    shuffled = np.random.default_rng(0).permutation(30)
    b = drawn(30).where(shuffled)
    found = matched(a, b)
    assert found.path.tolist() == a.path.tolist()
    assert found.group.tolist() == a.group.tolist()
    assert found.log_odds.tolist() == drawn(30).log_odds.tolist()


def test_other_images_are_refused_with_examples(table_of):
    a = table_of([0, 1], [0, 1], path=["a.png", "b.png"])
    b = table_of([0, 1, 1], [0, 1, 1], path=["a.png", "c.png", "d.png"])
    with pytest.raises(DataError) as caught:
        matched(a, b)
    assert "1 (such as b.png) only in the first, 2 (such as c.png) only in" in str(caught.value)
    with pytest.raises(DataError, match="none only in the first, 1"):
        matched(b.where(np.array([True, True, False])), b)


def test_other_labels_are_refused(table_of):
    with pytest.raises(DataError, match=r"1 \(such as 00001.png\) with another label"):
        matched(table_of([0, 1], [0, 1]), table_of([0, 0], [0, 1]))


def test_an_image_listed_twice_is_refused(table_of):
    one = table_of([0, 1], [0, 1], path=["a", "b"])
    twice = table_of([0, 1, 1], [0, 1, 2], path=["a", "b", "b"])
    for pair in ((one, twice), (twice, one), (twice, twice)):
        with pytest.raises(DataError, match="listed twice"):
            matched(*pair)


def test_no_images_match_no_images(table_of):
    assert len(matched(table_of([], []), table_of([], []))) == 0
