"""Checks of what reads images: image encoders and whole detectors."""

from __future__ import annotations

from dataclasses import replace

import torch

from mfclip.testing.checks.training import SAME_TOLERANCE
from mfclip.testing.compare import close_or_fault, finite_or_fault
from mfclip.testing.faults import Fault
from mfclip.testing.gradients import gradients, named, projected
from mfclip.testing.inputs import extreme_images
from mfclip.testing.probes import probe_of
from mfclip.testing.subject import Subject, misfits_of

SIZES = (16, 33, 96, 160, 225)
"""Sides of images, pixels: small, odd and large ones, next to the context's own."""


def extreme_images_finite(subject: Subject) -> None:
    """Black, white, grey, saturated and noisy images give finite outputs and finite gradients."""
    pictures = extreme_images(subject.context.image_size)
    given = torch.stack(list(pictures.values()))
    if subject.probe.inputs()[0].ndim == 5:
        given = given[:, None].repeat(1, subject.context.frames or 1, 1, 1, 1)
    outputs = subject.probe.run(subject.module, (given,))
    for name, output in outputs.items():
        for picture, row in zip(pictures, output, strict=True):
            finite_or_fault({name: row}, f"an image that is {picture}")
    parameters = [p for p in subject.module.parameters() if p.requires_grad]
    for picture, row in zip(pictures, next(iter(outputs.values())), strict=True):
        found = gradients(projected([row]), parameters)
        told = named("the gradient of a parameter", found)
        finite_or_fault(told, f"an image that is {picture}")


@torch.no_grad()
def image_sizes(subject: Subject) -> None:
    """Built for another image size that `misfits` does not refuse, it takes images of that size."""
    accepted = [
        context
        for size in SIZES
        if not misfits_of(subject.part, context := replace(subject.context, image_size=size))
    ]
    for context in accepted[:3]:
        size = context.image_size
        module = subject.fresh(image_size=size).eval()
        try:
            probe = probe_of(subject.part, context)
            outputs = probe.run(module, probe.inputs(2))
        except Fault:
            raise
        except Exception as error:
            raise Fault(
                f"it was built for images of {size}x{size} pixels and fails on them",
                received=f"{type(error).__name__}: {error}",
                expected="outputs, or a misfit that refuses this size",
                advice="yield a Misfit in misfits(context) for sizes that cannot work",
            ) from error
        finite_or_fault(outputs, f"images of {size}x{size} pixels")


@torch.no_grad()
def channels_last(subject: Subject) -> None:
    """Images, and then the module too, in channels_last layout give the same outputs."""
    (pictures,) = subject.probe.inputs()
    layout = torch.channels_last if pictures.ndim == 4 else torch.preserve_format
    laid_out = pictures.contiguous(memory_format=layout)
    moved = subject.fresh().eval().to(memory_format=torch.channels_last)
    for what, module in (("images", subject.module), ("images and module", moved)):
        close_or_fault(
            subject.reference,
            subject.probe.run(module, (laid_out,)),
            f"{what} in channels_last layout give other outputs",
            tolerance=SAME_TOLERANCE,
            advice="use reshape or flatten in place of view",
        )
