"""Modules that break one promise each, and the check that notices."""

from __future__ import annotations

import pytest
import torch

from .conftest import Eye, Net


class Wide(Net):
    def forward(self, images):
        return super().forward(images).repeat(1, 2)


class Double(Net):
    def forward(self, images):
        return super().forward(images).double()


class Squeezes(Net):
    def forward(self, images):
        return super().forward(images).squeeze()


class Draws(Net):
    def forward(self, images):
        return super().forward(images + torch.rand(()) * 0.01)


class InPlace(Net):
    def forward(self, images):
        return super().forward(images.sub_(0.5))


class WakesUp(Net):
    def forward(self, images):
        self.conv.train()
        return super().forward(images)


class NeverSleeps(Net):
    def eval(self):
        return self


BROKEN = [
    ("output-shape", Wide, r"embedding for 3 samples; received .*\(3, 16\).*\(3, 8\)"),
    ("output-shape", Double, "not in single precision; received .*float64"),
    ("batch-sizes", Squeezes, r"for 1 samples; received a tensor of shape \(8,\)"),
    ("eval-deterministic", Draws, "two results in eval mode.*self.training"),
    ("input-untouched", InPlace, "forward changed its input"),
    ("mode-kept", WakesUp, "forward switched the module out of eval mode"),
    ("mode-kept", NeverSleeps, "left parts in training mode; received the module itself"),
]


@pytest.mark.parametrize(("name", "net", "message"), BROKEN)
def test_a_broken_module_is_caught(caught, name, net, message):
    broken = type("Broken", (Eye,), {"net": net, "__module__": __name__})
    caught(name, broken, message, sound=Eye)
