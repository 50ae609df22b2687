"""Losses that break one promise each, and the check that notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip.parts import BuildContext, Loss, OutputName


class Term(Loss):
    """A loss around a given function."""

    use: Literal["term"] = "term"
    """Name of the part."""
    of: ClassVar[Callable[..., Tensor]] = lambda o, t: F.cross_entropy(o.logits, t.label)

    def build(self, context: BuildContext) -> nn.Module:
        compute = type(self).of

        class Net(nn.Module):
            def forward(self, outputs, targets):
                return compute(outputs, targets)

        return Net()


class Contrast(Term):
    """A loss of similarities."""

    use: Literal["contrast"] = "contrast"  # type: ignore[assignment]
    """Name of the part."""
    needs: ClassVar[frozenset[OutputName]] = frozenset({"similarity"})
    of: ClassVar[Callable[..., Tensor]] = lambda o, t: -o.similarity.v2l.log_softmax(1).trace()


def reads_more(outputs: Any, targets: Any) -> Tensor:
    return outputs.logits.mean() + outputs.visual.mean()


def only_fakes(outputs: Any, targets: Any) -> Tensor:
    return outputs.logits[targets.label == 1].mean()


def naive(outputs: Any, targets: Any) -> Tensor:
    return F.nll_loss(outputs.logits.softmax(1).log(), targets.label)


def later_counts_more(outputs: Any, targets: Any) -> Tensor:
    each = F.cross_entropy(outputs.logits, targets.label, reduction="none")
    return (each * torch.arange(len(each))).mean()


def logits_only(outputs: Any, targets: Any) -> Tensor:
    if outputs.similarity.normalised:
        raise ValueError("logits, please")
    return outputs.similarity.v2l.mean()


BROKEN = [
    ("needs-only", Term, reads_more, "not with those in its `needs`; received AttributeError"),
    ("needs-only", Contrast, lambda o, t: o.logits.mean(), "NaN, from logits that were NaN"),
    ("gradients-reach-outputs", Term, lambda o, t: o.logits.mean() * 0, "no gradient reaches"),
    ("gradients-reach-outputs", Term, lambda o, t: o.logits.mean().detach(), "no gradient"),
    ("one-class-batches", Term, only_fakes, "not finite for a batch of only real faces"),
    ("finite-at-extremes", Term, naive, "not finite for outputs a thousand times larger"),
    ("both-similarities", Contrast, logits_only, "raised ValueError: logits, please"),
    ("order-independent", Term, later_counts_more, "order of the samples changes the loss"),
]


@pytest.mark.parametrize(("name", "base", "of", "message"), BROKEN)
def test_a_broken_loss_is_caught(caught, name, base, of, message):
    broken = type("Broken", (base,), {"of": of, "__module__": __name__})
    caught(name, broken, message, sound=base)


def test_needs_that_no_detector_gives_are_named(caught):
    broken = type("Broken", (Term,), {"needs": frozenset({"logist"}), "__module__": __name__})
    caught("needs-only", broken, "no detector gives; received logist; expected .*logits", Term)
