"""Modules that cannot be trained or kept, and the check that notices."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from mfclip.parts import BuildContext
from mfclip.testing import part_checks

from .conftest import Eye, Net


class Unused(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.spare = nn.Linear(8, 8)


class Cut(Net):
    def forward(self, images):
        return super().forward(images).detach()


class HalfDead(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.gain = nn.Parameter(torch.ones(8))

    def forward(self, images):
        return super().forward(images) + self.gain * 0


class ClosedGate(Net):
    """Nothing behind the gate learns before it has opened a little."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.gate = nn.Parameter(torch.zeros(8))
        self.behind = nn.Linear(8, 8)

    def forward(self, images):
        features = super().forward(images)
        return features + self.gate * self.behind(features)


class Hidden(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.secret = torch.rand(8)

    def forward(self, images):
        return super().forward(images) + self.secret


class OddState(Net):
    def get_extra_state(self):
        return {"epoch": 3}

    def set_extra_state(self, state):
        pass


class Grows(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        if context.pretrained:
            self.register_buffer("mean", torch.zeros(3))


class Fp32Only(Net):
    def forward(self, images):
        out = torch.zeros(len(images), 8)
        return out.index_add(0, torch.arange(len(images)), super().forward(images))


class DoublesUnderAutocast(Net):
    def forward(self, images):
        features = super().forward(images)
        return features if features.dtype == torch.float32 else features * 2


class CompiledOnly(Net):
    def forward(self, images):
        features = super().forward(images)
        return features * 2 if torch.compiler.is_compiling() else features


@torch.library.custom_op("conformance::same", mutates_args=())
def same(features: torch.Tensor) -> torch.Tensor:
    return features.clone()


@same.register_fake
def _(features: torch.Tensor) -> torch.Tensor:
    return features.new_empty(len(features), 5)


class Untraceable(Net):
    """An operator tells the tracer another shape than it gives."""

    def forward(self, images):
        return self.head(same(self.conv(images).mean((2, 3)).detach()))


class Locked(Net):
    def __init__(self, context: BuildContext) -> None:
        super().__init__(context)
        self.lock = threading.Lock()


class Clings(Net):
    def __deepcopy__(self, memo):
        return self


BROKEN = [
    ("gradients-reach-parameters", Unused, r"spare.weight \(unused\), spare.bias \(unused\)"),
    ("gradients-reach-parameters", HalfDead, r"gain \(all zero\)"),
    ("gradients-reach-parameters", Cut, "the outputs carry no gradient"),
    ("state-dict-round-trip", Hidden, "new build with the saved state gives other outputs"),
    ("state-dict-round-trip", OddState, "cannot be saved and loaded; received PluginError"),
    ("unpretrained-architecture", Grows, r"changes the architecture; received mean \(3,\)"),
    ("bf16-autocast", Fp32Only, "the part raised RuntimeError"),
    ("bf16-autocast", DoublesUnderAutocast, "bf16 autocast changes the outputs: embedding"),
    ("compiles", CompiledOnly, "torch.compile changes the outputs: embedding"),
    ("compiles", Untraceable, "torch.compile fails; received TorchRuntimeError"),
    ("deep-copies", Locked, "copy.deepcopy fails; received TypeError"),
    ("deep-copies", Clings, "shares parameters with the original"),
]


@pytest.mark.parametrize(("name", "net", "message"), BROKEN)
def test_a_broken_module_is_caught(caught, name, net, message):
    broken = type("Broken", (Eye,), {"net": net, "__module__": __name__})
    caught(name, broken, message, sound=Eye)


def test_what_a_gate_of_zero_hides_at_first_is_no_fault():
    gated = type("Gated", (Eye,), {"net": ClosedGate, "__module__": __name__})
    (check,) = (one for one in part_checks(gated()) if one.name == "gradients-reach-parameters")
    check()
