"""Crops of faces, against scikit-image's least squares and its warp."""

from __future__ import annotations

import cmath
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.transform import SimilarityTransform, estimate_transform, warp

from mfclip.faces.crop import TEMPLATE, TEMPLATE_SIDE, aligned, boxed, similarity, square_about

PICTURE = torch.rand(3, 8, 10, generator=torch.Generator().manual_seed(0))


def smooth(height: int, width: int) -> torch.Tensor:
    """A picture whose grey levels change slowly, so that interpolation hardly matters."""
    big = torch.nn.functional.interpolate(PICTURE[None], (height, width), mode="bicubic")[0]
    return (big.clamp(0, 1) * 255).round().to(torch.uint8)


def moved(turn: float, scale: float, x: float, y: float) -> tuple[tuple[float, float], ...]:
    """The template's points turned by degrees, scaled and moved."""
    a = cmath.rect(scale, math.radians(turn))
    found = [a * complex(*point) + complex(x, y) for point in TEMPLATE]
    return tuple((one.real, one.imag) for one in found)


@pytest.mark.parametrize("turn", [-170, -30, 0, 12, 90])
def test_the_similarity_is_the_one_the_points_were_moved_by(turn):
    a, b = similarity(moved(turn, 0.7, 31, -4))
    assert abs(a) == pytest.approx(0.7)
    assert math.degrees(cmath.phase(a)) == pytest.approx(turn)
    assert (b.real, b.imag) == pytest.approx((31, -4))


def test_of_points_that_fit_no_similarity_it_is_the_least_squares_one():
    random = np.random.default_rng(0)
    for _ in range(20):
        points = np.array(TEMPLATE) + random.normal(size=(5, 2), scale=9)
        a, b = similarity(tuple(map(tuple, points)))
        expected = estimate_transform("similarity", np.array(TEMPLATE), points)
        assert abs(a) == pytest.approx(expected.scale)
        assert cmath.phase(a) == pytest.approx(expected.rotation)
        assert (b.real, b.imag) == pytest.approx(tuple(expected.translation))


@pytest.mark.parametrize(("turn", "margin"), [(0, 0.0), (25, 0.0), (-40, 0.3), (90, 0.1)])
def test_an_aligned_crop_is_what_scikit_image_warps(turn, margin):
    picture = smooth(240, 320)
    points = moved(turn, 0.8, 110, 90)
    found = aligned(picture, points, margin)
    side = round(TEMPLATE_SIDE * 0.8 * (1 + 2 * margin))
    assert found.shape == (3, side, side)
    # From the crop's pixels, whose middles scikit-image counts as whole, into the picture's.
    middle = cmath.rect(0.8, math.radians(turn)) * complex(56, 56) + complex(110, 90)
    corner = middle - cmath.rect(1, math.radians(turn)) * complex(side / 2, side / 2)
    corner += cmath.rect(1, math.radians(turn)) * complex(0.5, 0.5) - complex(0.5, 0.5)
    into = SimilarityTransform(rotation=math.radians(turn), translation=(corner.real, corner.imag))
    expected = warp(
        picture.permute(1, 2, 0).numpy(),
        into,
        output_shape=(side, side),
        order=1,
        mode="edge",
        preserve_range=True,
    )
    assert np.abs(found.permute(1, 2, 0).numpy() - expected).max() <= 1


def test_the_eyes_are_level_in_an_aligned_crop():
    """Two bright eyes on black, a picture lying on its side."""
    picture = torch.zeros(3, 300, 300, dtype=torch.uint8)
    points = moved(90, 1.5, 260, 60)
    for x, y in points[:2]:
        picture[:, round(y) - 3 : round(y) + 3, round(x) - 3 : round(x) + 3] = 255
    rows, columns = (aligned(picture, points, 0.2)[0] > 128).nonzero(as_tuple=True)
    left, right = columns < columns.float().mean(), columns > columns.float().mean()
    assert rows[left].float().mean() == pytest.approx(float(rows[right].float().mean()), abs=1)
    assert float(columns[right].float().mean() - columns[left].float().mean()) == pytest.approx(
        1.5 * (TEMPLATE[1][0] - TEMPLATE[0][0]), abs=1
    )


def test_a_square_is_cut_about_the_box_with_its_margin():
    assert square_about((100, 50, 140, 110), 0.0, 400, 300) == (90, 50, 150, 110)
    assert square_about((100, 50, 140, 110), 0.5, 400, 300) == (60, 20, 180, 140)


def test_it_moves_inside_the_picture_and_ends_there_where_it_is_larger():
    assert square_about((0, 0, 40, 60), 0.25, 400, 300) == (0, 0, 90, 90)
    assert square_about((380, 280, 400, 300), 0.5, 400, 300) == (360, 260, 400, 300)
    assert square_about((10, 10, 90, 190), 0.5, 100, 200) == (0, 0, 100, 200)


@given(
    st.integers(1, 400),
    st.integers(1, 400),
    st.tuples(*[st.floats(0, 1)] * 4),
    st.floats(0, 2),
)
def test_every_crop_is_inside_and_holds_the_box(width, height, shares, margin):
    (left, right), (top, bottom) = sorted(shares[:2]), sorted(shares[2:])
    box = (left * width, top * height, right * width, bottom * height)
    x0, y0, x1, y1 = square_about(box, margin, width, height)
    assert 0 <= x0 < x1 <= width
    assert 0 <= y0 < y1 <= height
    side = max(box[2] - box[0], box[3] - box[1])
    if 1 <= side <= min(width, height):
        # Half a pixel of rounding at each end.
        assert x0 <= box[0] + 1
        assert x1 >= box[2] - 1
        assert y0 <= box[1] + 1
        assert y1 >= box[3] - 1
    crop = boxed(torch.zeros(3, height, width, dtype=torch.uint8), box, margin)
    assert crop.shape == (3, y1 - y0, x1 - x0)
