"""Locators that break one promise each, and the check that notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytest
import torch

from mfclip.faces.face import Face
from mfclip.parts import BuildContext, Locator

POINTS = ((1.0, 1.0), (2.0, 1.0), (1.5, 2.0), (1.0, 3.0), (2.0, 3.0))


def middle(image):
    """Keeps every promise."""
    height, width = image.shape[1:]
    return [Face((width / 4, height / 4, 3 * width / 4, 3 * height / 4), 0.5, POINTS)]


class Middle(Locator):
    """A locator around a given function."""

    points: ClassVar[bool] = True
    use: Literal["middle"] = "middle"
    """Name of the part."""
    of: ClassVar[Callable[..., Any]] = staticmethod(middle)

    def build(self, context: BuildContext) -> Callable[..., Any]:
        return type(self).of


def nothing(image):
    return None


def tuples(image):
    return [(face.box, face.score) for face in middle(image)]


def large_only(image):
    return middle(image) if min(image.shape[1:]) > 1 else 1 / 0


def upside_down(image):
    (face,) = middle(image)
    left, top, right, bottom = face.box
    return [face._replace(box=(left, bottom, right, top))]


def endless(image):
    return [face._replace(box=(0.0, 0.0, float("inf"), 1.0)) for face in middle(image)]


def percent(image):
    return [face._replace(score=50.0) for face in middle(image)]


def four(image):
    return [face._replace(points=POINTS[:4]) for face in middle(image)]


def pointless(image):
    return [face._replace(points=None) for face in middle(image)]


def darkens(image):
    image //= 2
    return middle(image)


def unsteady(image):
    return [face._replace(score=float(torch.rand(()))) for face in middle(image)]


def in_here(image):
    return middle(image)


in_here.__qualname__ = "elsewhere"


BROKEN = [
    ("finds-in-any-picture", nothing, "gave no sequence; .*NoneType; expected a list of mfclip"),
    ("finds-in-any-picture", tuples, "something else than faces was found in a picture of 64 x 64"),
    ("finds-in-any-picture", large_only, "a picture of 1 x 1 raised ZeroDivisionError"),
    ("faces-in-pixels", upside_down, "a box without an inside"),
    ("faces-in-pixels", endless, "no box of four finite numbers"),
    ("faces-in-pixels", percent, "a score outside 0-1"),
    ("faces-in-pixels", four, "no five points of x and y"),
    ("points-as-declared", pointless, "has no points, and the part says points = True"),
    ("picture-untouched", darkens, "a picture of 64 x 64 was changed"),
    ("found-the-same", unsteady, "gave other faces the second time"),
    ("crosses-processes", in_here, "it cannot be pickled"),
]


@pytest.mark.parametrize(("name", "of", "message"), BROKEN)
def test_a_broken_locator_is_caught(caught, name, of, message):
    broken = type("Broken", (Middle,), {"of": staticmethod(of), "__module__": __name__})
    caught(name, broken, message, sound=Middle)
