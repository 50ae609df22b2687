from __future__ import annotations

import pytest
import torch
from torch import nn

from mfclip.errors import UsageError
from mfclip.explain.layers import last_map


def test_the_last_map_is_that_of_the_last_pooling(convolutional, image):
    module = convolutional()
    assert last_map(module, image) is module.cnn[5]
    assert not any(layer._forward_hooks for layer in module.modules())


def test_a_map_of_one_pixel_has_no_places(convolutional, image):
    module = convolutional()
    module.cnn.append(nn.AdaptiveAvgPool2d(1))
    module.head = nn.Linear(8, 2)
    assert last_map(module, image) is module.cnn[5]


def test_a_patch_embedding_is_no_evidence(image):
    embedding = nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.Flatten(), nn.Linear(128, 2))
    with pytest.raises(UsageError, match="take occlusion"):
        last_map(embedding, image)


def test_maps_of_a_patch_reader_are_left_out(convolutional, image):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.cnn = convolutional().cnn

        def richest_patch(self, images):
            return None

        def forward(self, images):
            return self.cnn(images).mean(dim=(1, 2, 3))

    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.image, self.noise = convolutional().cnn, Reader()

        def forward(self, images):
            return self.image(images).mean(dim=(1, 2, 3)) + self.noise(images)

    module = Both()
    assert last_map(module, image) is module.image[5]


def test_hooks_go_where_the_detector_fails(convolutional):
    module = convolutional()
    with pytest.raises(RuntimeError):
        last_map(module, torch.rand(1, 3, 8, 8))
    assert not any(layer._forward_hooks for layer in module.modules())
