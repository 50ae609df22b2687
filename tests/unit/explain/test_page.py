from __future__ import annotations

import numpy as np
import pytest

from mfclip.explain.attribution import METHODS, HeatMap
from mfclip.explain.cards import MapCard
from mfclip.explain.page import WHAT, strength


@pytest.mark.parametrize(
    ("method", "values", "error", "told"),
    [
        ("occlusion", [[-0.5, 1.25]], None, "from −0.5 to +1.2 log-odds"),
        ("occlusion", [[0.25, 1.0]], None, "from 0 to +1 log-odds"),
        ("grad-cam", [[-0.01, -0.02]], None, "from −0.02 to +0"),
        (
            "integrated-gradients",
            [[-1e-5, 1e-3]],
            -0.04,
            "from −1e-05 to +0.001 log-odds a pixel; error of the sum 0.04",
        ),
    ],
)
def test_the_ends_of_a_map_are_told_in_its_unit(method, values, error, told):
    card = MapCard("a", method, map=HeatMap(np.array(values), error))
    assert strength(card) == told


def test_every_method_is_explained():
    assert set(WHAT) == set(METHODS)


def test_numbers_of_a_map_that_is_not_there_say_why():
    assert MapCard("a", "grad-cam", reason="none").numbers == {
        "detector": "a",
        "method": "grad-cam",
        "reason": "none",
    }
