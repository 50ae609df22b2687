"""Checks of locators: a picture (3, H, W) uint8 -> its faces, in pixels.

None of the pictures shows a face for certain; whatever is found is held to the contract.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.errors import in_one_line
from mfclip.faces.face import Face
from mfclip.parts import Locator
from mfclip.testing.faults import Fault
from mfclip.testing.inputs import extreme_images, images
from mfclip.testing.subject import Subject

SIZES = ((64, 64), (48, 160), (133, 65), (1, 1), (2, 700))
"""Heights and widths of pictures to try."""


def finds_in_any_picture(subject: Subject) -> None:
    """It takes a picture of any size, plain ones and noise too, and gives a sequence of faces."""
    for name, picture in _pictures():
        found = _found(subject.built, name, picture)
        strange = [one for one in found if not isinstance(one, Face)]
        if strange:
            raise Fault(
                f"something else than faces was found in {name}",
                received=f"a value of type {type(strange[0]).__name__}",
                expected="mfclip.Face(box, score, points)",
            )


def faces_in_pixels(subject: Subject) -> None:
    """Boxes are left, top, right, bottom in pixels; scores are 0-1; points are five or none."""
    for name, picture in _pictures():
        for face in _found(subject.built, name, picture):
            wrong = _wrong(face)
            if wrong:
                raise Fault(f"a face found in {name} has {wrong}", received=repr(face))


def points_as_declared(subject: Subject) -> None:
    """Every face has its five points where the part says ``points = True``."""
    assert isinstance(subject.part, Locator)
    for name, picture in _pictures() if subject.part.points else ():
        for face in _found(subject.built, name, picture):
            if face.points is None:
                raise Fault(
                    f"a face found in {name} has no points, and the part says points = True",
                    advice="give them, or say points = False: then crops are not turned",
                )


def picture_untouched(subject: Subject) -> None:
    """The picture that goes in is not changed."""
    for name, picture in _pictures():
        before = picture.clone()
        _found(subject.built, name, picture)
        if not torch.equal(picture, before):
            raise Fault(f"{name} was changed", advice="work on image.clone()")


def found_the_same(subject: Subject) -> None:
    """The same picture gives the same faces, from a fresh build too, whatever the random state."""
    other = subject.build(seed=1)
    for name, picture in _pictures():
        found = []
        for state, locate in ((1, subject.built), (2, subject.built), (3, other)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(state)
                found.append(list(_found(locate, name, picture)))
        if not found[0] == found[1] == found[2]:
            raise Fault(f"{name} gave other faces the second time")


def crosses_processes(subject: Subject) -> None:
    """It can be pickled, after it was called as well: pictures are decoded in other processes."""
    name, picture = next(_pictures())
    before = list(_found(subject.built, name, picture))
    try:
        again = pickle.loads(pickle.dumps(subject.built))
    except Exception as error:
        raise Fault(
            f"it cannot be pickled: {in_one_line(error)}",
            expected="an object of a class of its module, that opens its network when called",
        ) from error
    if list(_found(again, name, picture)) != before:
        raise Fault(f"pickled and read back it finds other faces in {name}")


def _pictures() -> Iterator[tuple[str, UInt8[Tensor, "3 height width"]]]:
    for seed, (height, width) in enumerate(SIZES):
        whole = images(1, max(height, width), seed)[0, :, :height, :width]
        yield f"a picture of {height} x {width}", (whole * 255).round().to(torch.uint8)
    for name, picture in extreme_images(96).items():
        yield name, (picture * 255).round().to(torch.uint8).contiguous()


def _found(locate: Any, name: str, picture: Tensor) -> Sequence[Face]:
    try:
        found = locate(picture)
    except Exception as error:
        raise Fault(f"{name} raised {in_one_line(error)}") from error
    if not isinstance(found, Sequence):
        raise Fault(
            f"{name} gave no sequence",
            received=f"a value of type {type(found).__name__}",
            expected="a list of mfclip.Face, empty where there is no face",
        )
    return found


def _wrong(face: Face) -> str:
    """What is wrong with a face's numbers; empty where nothing is."""
    if len(face.box) != 4 or not all(map(math.isfinite, face.box)):
        return "no box of four finite numbers"
    if face.width <= 0 or face.height <= 0:
        return "a box without an inside: right is beyond left, bottom beyond top"
    if not 0 <= face.score <= 1:
        return "a score outside 0-1"
    if face.points is None:
        return ""
    numbers = [number for point in face.points for number in point]
    five = len(face.points) == 5 and all(len(point) == 2 for point in face.points)
    return "" if five and all(map(math.isfinite, numbers)) else "no five points of x and y"
