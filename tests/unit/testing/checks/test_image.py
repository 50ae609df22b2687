"""Image encoders and text encoders that fail on some inputs, and the check that notices."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mfclip.parts import BuildContext

from .conftest import Eye, Net


class Contrast(Net):
    def forward(self, images):
        return super().forward(images / images.std((1, 2, 3), keepdim=True))


class Root(Net):
    """Finite forwards, but the gradient of a root at zero is not."""

    def forward(self, images):
        return super().forward(images).sub(super().forward(images).detach()).abs().sqrt()


class OneSize(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.flat = nn.Linear(3 * 64 * 64, 8)

    def forward(self, images):
        return self.flat(images.flatten(1))


class Views(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.flat = nn.Linear(3 * context.image_size**2, 8)

    def forward(self, images):
        return self.flat(images.view(len(images), -1))


class ReadsMemory(Views):
    """Takes the numbers in the order in which they lie in memory."""

    def forward(self, images):
        return self.flat(images.as_strided((len(images), 3 * 64 * 64), (3 * 64 * 64, 1)))


class Centres(Net):
    def forward(self, images):
        features = super().forward(images)
        return features - features.mean(0)


class Counts(Net):
    def forward(self, images):
        features = super().forward(images)
        return features + torch.arange(len(images))[:, None]


class Constant(Net):
    def forward(self, images):
        return super().forward(images) * 0


BROKEN = [
    ("extreme-images-finite", Contrast, "embedding is not finite for an image that is black"),
    ("extreme-images-finite", Root, "the gradient of a parameter .* not finite for an image"),
    ("image-sizes", OneSize, "built for images of 16x16 pixels and fails on them; .*Misfit"),
    ("channels-last", Views, "the part raised RuntimeError: view size is not compatible"),
    ("channels-last", ReadsMemory, "images in channels_last layout give other outputs"),
    ("batch-independent", Centres, "depends on the other samples of its batch: embedding"),
    ("batch-independent", Counts, "depends on its place in the batch: embedding"),
    ("outputs-tell-apart", Constant, "two different samples have the same embedding"),
]


@pytest.mark.parametrize(("name", "net", "message"), BROKEN)
def test_a_broken_encoder_is_caught(caught, name, net, message):
    broken = type("Broken", (Eye,), {"net": net, "__module__": __name__})
    caught(name, broken, message, sound=Eye)
