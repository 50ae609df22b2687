"""Broken readers and broken inputs, and the check that catches each."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import nn

from mfclip.parts import BuildContext, ImageEncoder, Input
from mfclip.testing import ConformanceError, part_checks


class Reader(ImageEncoder):
    """Reads a map beside the image, and the label."""

    reads: ClassVar[frozenset[str]] = frozenset({"acme.map", "label"})

    use: Literal["acme-reader"] = "acme-reader"
    """Name of the part."""
    width: ClassVar[int] = 4

    def build(self, context: BuildContext) -> nn.Module:
        return _Reading()


class _Reading(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(4, 4, 3, 2)

    def forward(self, images, acme_map, label=None):
        return self.layer(torch.cat([images, acme_map], 1)).mean((2, 3))


class NeedsTruth(Reader):
    def build(self, context: BuildContext) -> nn.Module:
        class Needing(_Reading):
            def forward(self, images, acme_map, label):
                return super().forward(images, acme_map) + 0 * label[:, None]

        return Needing()


class TakesAnother(Reader):
    def build(self, context: BuildContext) -> nn.Module:
        class Another(_Reading):
            def forward(self, images, other_map, label=None):
                return super().forward(images, other_map)

        return Another()


class Map(Input):
    """A sound input."""

    use: Literal["acme.map"] = "acme.map"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        return lambda source: source.image[:1]


class Flat(Map):
    def build(self, context: BuildContext) -> Any:
        return lambda source: source.image[0]


class Changing(Map):
    def build(self, context: BuildContext) -> Any:
        def make(source):
            made = source.image[:1].clone()
            source.image.zero_()
            return made

        return make


class Drawn(Map):
    def build(self, context: BuildContext) -> Any:
        return lambda source: torch.rand(1, *source.image.shape[-2:])


BROKEN = [
    ("works-without-truth", NeedsTruth),
    ("reads-known", TakesAnother),
    ("makes-one-kind", Flat),
    ("source-untouched", Changing),
    ("made-the-same", Drawn),
]


@pytest.mark.parametrize(("check", "part"), BROKEN)
def test_a_broken_part_is_caught(check, part):
    (found,) = [one for one in part_checks(part()) if one.name == check]
    with pytest.raises(ConformanceError):
        found()


@pytest.mark.parametrize("part", [Reader, Map])
def test_a_sound_part_passes(part):
    for check in part_checks(part):
        if check.name != "light-import":  # this file imports torch
            check()
