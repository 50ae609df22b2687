"""Checks of inputs beside the image: a source -> a map (c, h, w) or a vector (n,)."""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from mfclip.data.inputs import KINDS
from mfclip.data.source import Source
from mfclip.parts import Input
from mfclip.testing.faults import Fault
from mfclip.testing.inputs import images
from mfclip.testing.probes import described
from mfclip.testing.subject import Subject

SIZES = ((64, 64), (48, 80), (33, 65))
"""Heights and widths of pictures to try."""


def makes_one_kind(subject: Subject) -> None:
    """Pictures of any size give a finite map or vector, of the same type and number of channels."""
    found = [_made(subject, height, width) for height, width in SIZES]
    for one in found:
        if one.ndim not in (1, 3) or one.dtype not in KINDS:
            raise Fault(
                "it made something else than an input",
                received=described(one),
                expected="a map (c, h, w) or a vector (n,), uint8, float16 or float32",
            )
        if not one.float().isfinite().all():
            raise Fault("it made numbers that are not finite", received=described(one))
    if len({(one.ndim, one.shape[0], one.dtype) for one in found}) > 1:
        raise Fault(
            "pictures of several sizes gave inputs of several kinds",
            received=", ".join(map(described, found)),
            expected="the same type, and the same number of channels",
        )


def source_untouched(subject: Subject) -> None:
    """The picture that goes in is not changed: the detector sees it after."""
    image = _picture(48, 80)
    before = image.clone()
    _make(subject, image)
    if not torch.equal(image, before):
        raise Fault("the image that went in was changed", advice="work on image.clone()")


def made_the_same(subject: Subject) -> None:
    """The same source gives the same input, whatever the random state is: it is kept on disk."""
    found = []
    for state in (1, 2):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(state)
            found.append(_made(subject, 64, 64))
    if not torch.equal(found[0], found[1]):
        raise Fault(
            "the same picture gave two inputs",
            expected="nothing random: what is made is kept, and used again",
        )


def _made(subject: Subject, height: int, width: int) -> Tensor:
    made = _make(subject, _picture(height, width))
    if isinstance(made, Tensor):
        return made
    raise Fault("it made no tensor", received=described(made), expected="a torch.Tensor")


def _make(subject: Subject, image: Tensor) -> object:
    """What the part makes; each column that it needs names a picture of the image's size."""
    assert isinstance(subject.part, Input)
    with tempfile.TemporaryDirectory() as folder:
        cells = dict.fromkeys(subject.part.columns, "picture.png")
        height, width = image.shape[-2:]
        pixels = _picture(height, width, seed=1).permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(Path(folder) / "picture.png")
        return subject.built(Source(image, Path(folder), cells))


def _picture(height: int, width: int, seed: int = 0) -> Tensor:
    square = images(1, max(height, width), seed)[0]
    return (square * 255).to(torch.uint8)[:, :height, :width].contiguous()
