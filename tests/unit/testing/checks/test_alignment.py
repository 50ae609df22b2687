"""Alignments that break one promise each, and the check that notices."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from mfclip.parts import Alignment, BuildContext


class Both(NamedTuple):
    v2l: torch.Tensor
    l2v: torch.Tensor
    normalised: Any = False


class Cosine(nn.Module):
    """Keeps every promise."""

    def forward(self, visual, text, prompt):
        logits = F.normalize(visual, dim=1) @ F.normalize(text, dim=1).T
        return Both(logits, logits.T)


class Scale(Alignment):
    """An alignment around a given module."""

    use: Literal["scale"] = "scale"
    """Name of the part."""
    net: ClassVar[type[nn.Module]] = Cosine

    def build(self, context: BuildContext) -> nn.Module:
        return self.net()


class Silent(Cosine):
    def forward(self, visual, text, prompt):
        return super().forward(visual, text, prompt)._replace(normalised=None)


class Transposed(Cosine):
    def forward(self, visual, text, prompt):
        right = super().forward(visual, text, prompt)
        return Both(right.l2v, right.v2l)


class OneSided(Cosine):
    def forward(self, visual, text, prompt):
        right = super().forward(visual, text, prompt)
        return right._replace(l2v=super().forward(visual.detach(), text, prompt).l2v)


class NoLimit(Cosine):
    def forward(self, visual, text, prompt):
        logits = (visual / visual.norm(dim=1, keepdim=True)) @ text.T
        return Both(logits, logits.T)


BROKEN = [
    ("normalised-told", Silent, "does not say whether it is normalised; received None"),
    ("rows-belong", Transposed, "moves row . of v2l most; .*transposed"),
    ("gradients-reach-embeddings", OneSided, "no gradient from l2v reaches the visual"),
    ("any-magnitude", NoLimit, "v2l is not finite for zero embeddings"),
]


@pytest.mark.parametrize(("name", "net", "message"), BROKEN)
def test_a_broken_alignment_is_caught(caught, name, net, message):
    broken = type("Broken", (Scale,), {"net": net, "__module__": __name__})
    caught(name, broken, message, sound=Scale)
