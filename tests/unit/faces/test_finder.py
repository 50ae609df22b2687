"""From a picture to its faces, in their order."""

from __future__ import annotations

import torch

from mfclip.faces.face import Face
from mfclip.faces.finder import FaceFinder
from mfclip.parts import BuildContext
from mfclip.testing.toys import ToyLocator

RED = torch.tensor([255, 0, 0], dtype=torch.uint8)[:, None, None]


def picture(*boxes: tuple[int, int, int, int], size: tuple[int, int] = (200, 300)) -> torch.Tensor:
    """Grey with red rectangles (left, top, right, bottom), each a face to the toy."""
    image = torch.full((3, *size), 120, dtype=torch.uint8)
    for left, top, right, bottom in boxes:
        image[:, top:bottom, left:right] = RED
    return image


def finder(**settings) -> FaceFinder:
    return FaceFinder(ToyLocator().build(BuildContext()), **settings)


def test_the_largest_face_comes_first():
    boxes = [(10, 10, 50, 50), (100, 20, 180, 120), (200, 10, 260, 60)]
    found = [face.box for face in finder()(picture(*boxes))]
    assert found == [boxes[1], boxes[2], boxes[0]]


def test_boxes_end_at_the_picture_and_those_outside_are_none():
    told = [(-10, -5, 20, 400), (300, 0, 310, 10), (5, 5, 5, 9)]
    seen = FaceFinder(lambda image: [Face(box, 1.0) for box in told])(picture())
    assert [face.box for face in seen] == [(0, 0, 20, 200)]


def test_small_faces_are_found_and_known_as_such():
    find = finder(smallest=32)
    wide, thin, large = find(picture((0, 0, 100, 31), (120, 0, 152, 32), (200, 0, 290, 90)))[::-1]
    assert not find.is_small(large)
    assert sorted([find.is_small(thin), find.is_small(wide)]) == [False, True]


def test_crops_turn_only_where_asked_and_where_there_are_points():
    image = picture((100, 50, 180, 150))
    (face,) = finder()(image)
    plain, turned = finder(margin=0.0), finder(margin=0.0, align=True)
    assert torch.equal(plain.crop(image, face), image[:, 50:150, 90:190])
    assert turned.crop(image, face).shape != plain.crop(image, face).shape
    bare = face._replace(points=None)
    assert torch.equal(turned.crop(image, bare), plain.crop(image, bare))


def test_a_crop_is_no_view_of_the_picture():
    image = picture((100, 50, 180, 150))
    (face,) = finder()(image)
    finder().crop(image, face).zero_()
    assert image.any()
    assert torch.equal(image, picture((100, 50, 180, 150)))
