"""CenterFace's maps to faces, with a network that is known by heart."""

from __future__ import annotations

import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from torchvision.ops import nms

from mfclip.errors import DataError
from mfclip.faces.face import Face
from mfclip_faces.centerface import CenterFaceLocator, scaled_down, starts
from mfclip_faces.decode import Found, decode, joined, without_doubles
from mfclip_faces.network import Network

POINTS = ((0.25, 0.4), (0.75, 0.4), (0.5, 0.6), (0.3, 0.8), (0.7, 0.8))
"""Of the network: x and y as shares of the box."""


def cell(image: torch.Tensor, row: int, column: int, red: int = 255) -> None:
    """Make a cell of 4 x 4 pixels red."""
    place = (slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4))
    image[0][place], image[1][place], image[2][place] = red, 0, 0


def expected(row: int, column: int) -> tuple[float, float, float, float]:
    """The box about 1 pixel right of and above the cell's middle, 32 wide and 40 high."""
    x, y = 4 * column + 3, 4 * row + 1
    return x - 16, y - 20, x + 16, y + 20


def locator(network: object, **changes) -> CenterFaceLocator:
    told = {"score": 0.5, "overlap": 0.3, "side": 640, "detail": True, **changes}
    return CenterFaceLocator(network, **told)


@pytest.fixture
def network(red_network):
    return Network(red_network)


def black(height: int, width: int) -> torch.Tensor:
    return torch.zeros(3, height, width, dtype=torch.uint8)


def test_a_cell_becomes_a_face_with_its_points(network):
    image = black(96, 160)
    cell(image, 7, 20)
    (face,) = locator(network)(image)
    left, top, right, bottom = expected(7, 20)
    assert face.box == pytest.approx((left, top, right, bottom), abs=1e-4)
    assert face.score == pytest.approx(1, abs=1e-5)
    for point, (x, y) in zip(face.points, POINTS, strict=True):
        assert point == pytest.approx((left + 32 * x, top + 40 * y), abs=1e-4)


@pytest.mark.parametrize(("red", "count"), [(255, 1), (129, 1), (126, 0)])
def test_heat_below_the_score_is_no_face(network, red, count):
    image = black(64, 64)
    cell(image, 8, 8, red)
    assert len(locator(network)(image)) == count


def test_neighbours_tell_one_face(network):
    image = black(96, 160)
    for column, red in ((20, 200), (21, 255), (22, 210)):
        cell(image, 12, column, red)
    (face,) = locator(network)(image)
    assert face.box == pytest.approx(expected(12, 21), abs=1e-4)


def test_sizes_that_are_no_multiple_are_no_trouble(network):
    for height, width in ((1, 1), (33, 70), (5, 200)):
        assert locator(network)(black(height, width)) == []
    image = black(61, 90)
    cell(image, 10, 20)
    assert locator(network)(image)[0].box == pytest.approx(expected(10, 20), abs=1e-4)


def test_a_picture_that_is_scaled_down_tells_its_own_pixels(network):
    """A face of the coarse look: the cell is 16 pixels in the picture, four times as large."""
    image = black(1024, 2048)
    image[0, 320:336, 800:816] = 255
    (face,) = locator(network, side=512, detail=False)(image)
    assert face.box == pytest.approx([4 * side for side in expected(20, 50)], abs=0.01)


def test_small_faces_come_from_the_second_look(network):
    """Cells of 4 pixels vanish where the picture is scaled to a third; tiles show them as they are.

    One lies where four tiles meet, two at the picture's corners.
    """
    places = [(40, 70), (128, 128), (8, 8), (248, 375)]
    image = black(1024, 1536)
    for row, column in places:
        cell(image, row, column)
    assert locator(network, side=512, detail=False)(image) == []
    found = sorted(face.box for face in locator(network, side=512)(image))
    assert np.array(found) == pytest.approx(
        np.array(sorted(expected(*at) for at in places)), abs=1e-3
    )


def test_what_the_second_look_sees_inside_a_large_face_is_part_of_it(network):
    image = black(1024, 2048)
    image[0, 320:336, 800:816] = 255  # a face of 128 x 160 pixels, and 16 cells in the tiles
    (face,) = locator(network, side=512)(image)
    assert face.box == pytest.approx([4 * side for side in expected(20, 50)], abs=0.01)


@pytest.mark.parametrize("length", [1, 512, 513, 900, 1536, 1920])
def test_tiles_cover_the_picture_and_share_what_they_must(length):
    begin = starts(length, 512, 102)
    assert begin[0] == 0
    assert begin[-1] == max(0, length - 512)
    assert all(0 < after - before <= 512 - 102 for before, after in pairwise(begin))


def test_pictures_are_never_enlarged():
    assert scaled_down(black(20, 30), 640).shape == (3, 20, 30)
    assert scaled_down(black(1000, 10), 640).shape == (3, 640, 6)


def test_doubles_fall_as_in_torchvision():
    random = np.random.default_rng(0)
    low = random.uniform(0, 100, (200, 2))
    boxes = np.concatenate([low, low + random.uniform(5, 60, (200, 2))], axis=1)
    scores = random.permutation(200) / 200
    found = Found(boxes, scores, np.zeros((200, 5, 2)))
    for overlap in (0.1, 0.3, 0.7):
        kept = without_doubles(found, overlap)
        wanted = nms(torch.from_numpy(boxes), torch.from_numpy(scores), overlap).numpy()
        assert np.array_equal(kept.boxes, boxes[wanted])
        assert np.array_equal(kept.scores, scores[wanted])
    none = found.only(np.zeros(200, dtype=bool))
    assert len(without_doubles(joined([none, none]), 0.3).scores) == 0


def test_maps_of_another_network_are_refused():
    maps = tuple(np.zeros((channels, 4, 4), np.float32) for channels in (1, 2, 2, 8))
    with pytest.raises(DataError, match="CenterFace gives 1, 2, 2, 10 channels of one size"):
        decode(maps, 0.5)


def test_sizes_beyond_all_bounds_stay_finite():
    maps = [np.zeros((channels, 1, 1), np.float32) for channels in (1, 2, 2, 10)]
    maps[0][:], maps[1][:] = 1, 1e30
    assert np.isfinite(decode(tuple(maps), 0.5).boxes).all()


def test_it_can_be_pickled_after_it_was_called(network):
    image = black(96, 160)
    cell(image, 7, 20)
    first = locator(network)
    before = first(image)
    assert isinstance(before[0], Face)
    assert pickle.loads(pickle.dumps(first))(image) == before


def test_a_file_that_is_no_network_is_told(tmp_path):
    file = tmp_path / "no.onnx"
    file.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match=r"no\.onnx is no ONNX network that can be run"):
        locator(Network(file))(black(64, 64))
