"""Checks of corruptions: image (3, H, W) uint8, level 1-5, seed -> image of the same shape."""

from __future__ import annotations

from itertools import pairwise

import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.testing.faults import Fault
from mfclip.testing.inputs import images
from mfclip.testing.probes import described
from mfclip.testing.subject import Subject

LEVELS = (1, 2, 3, 4, 5)
SLACK = 0.05
"""A level may change the image by so much less than the one before, as a share: noise."""


def image_kept(subject: Subject) -> None:
    """The result has the image's shape and type at every level, for any height and width."""
    for height, width in ((64, 64), (48, 80), (33, 65)):
        image = _image(height, width)
        for level in LEVELS:
            result = subject.built(image, level, 0)
            right = isinstance(result, Tensor) and result.dtype == torch.uint8
            if not right or result.shape != image.shape:
                raise Fault(
                    f"level {level} gave another kind of image",
                    received=described(result),
                    expected=described(image),
                )


def image_untouched(subject: Subject) -> None:
    """The image that goes in is not changed."""
    image = _image()
    for level in LEVELS:
        subject.built(image, level, 0)
    if not torch.equal(image, _image()):
        raise Fault("the image that went in was changed", advice="work on image.clone()")


def seeded(subject: Subject) -> None:
    """The same image, level and seed give the same result, whatever the random state is."""
    other = subject.build(seed=1)
    for level in LEVELS:
        results = []
        for state, corrupt in ((1, subject.built), (2, subject.built), (3, other)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(state)
                results.append(corrupt(_image(), level, 5))
        if not all(torch.equal(results[0], result) for result in results):
            raise Fault(
                f"level {level} with seed 5 gave two results",
                expected="randomness that the seed decides, and nothing else",
                advice="draw with torch.Generator().manual_seed(seed)",
            )


def levels_refused(subject: Subject) -> None:
    """Levels below 1 and above 5 are refused with a ValueError."""
    for level in (0, 6):
        try:
            subject.built(_image(), level, 0)
        except ValueError:
            continue
        raise Fault(f"level {level} is accepted", expected="a ValueError: levels are 1 to 5")


def changes_the_image(subject: Subject) -> None:
    """Every level changes the image."""
    for level in LEVELS:
        if not _change(subject, level):
            raise Fault(f"level {level} leaves the image as it is")


def grows_with_level(subject: Subject) -> None:
    """A higher level changes the image no less, by the mean absolute difference of its pixels."""
    changes = [_change(subject, level) for level in LEVELS]
    for level, (lower, higher) in enumerate(pairwise(changes), start=1):
        if higher < lower * (1 - SLACK):
            told = ", ".join(f"{change:.2f}" for change in changes)
            raise Fault(
                f"level {level + 1} changes the image less than level {level}",
                received=f"{told} grey levels at levels 1 to 5",
                expected="changes that do not become smaller",
            )


def _change(subject: Subject, level: int) -> float:
    """Mean over three seeds, grey levels."""
    image = _image()
    changed = [subject.built(image, level, seed) for seed in (0, 1, 2)]
    return sum(float((one.float() - image).abs().mean()) for one in changed) / len(changed)


def _image(height: int = 64, width: int = 64) -> UInt8[Tensor, "3 height width"]:
    whole = images(1, max(height, width))[0, :, :height, :width]
    return (whole * 255).round().to(torch.uint8)
