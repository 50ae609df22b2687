"""Pseudo-fakes that break one promise each, and the check that notices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor, nn

from mfclip.data.labels import HierarchicalLabel
from mfclip.parts import BuildContext, PseudoFake


def noise(image: Tensor, partner: Tensor, seed: int) -> Tensor:
    """Keeps every promise."""
    drawn = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return (image + drawn * 20).clamp(0, 255).to(torch.uint8)


class Grain(PseudoFake):
    """A pseudo-fake around a given function."""

    use: Literal["grain"] = "grain"
    """Name of the part."""
    of: ClassVar[Callable[..., Any]] = noise

    def build(self, context: BuildContext) -> Callable[..., Any]:
        return type(self).of


def floats(image, partner, seed):
    return noise(image, partner, seed) / 255


def squares(image, partner, seed):
    return noise(image, partner, seed)[:, :40, :40]


def same_size(image, partner, seed):
    return noise((image + partner) // 2, partner, seed)


def in_place(image, partner, seed):
    return image.copy_(noise(image, partner, seed))


def on_the_partner(image, partner, seed):
    partner.add_(1)
    return noise(image, partner, seed)


def unseeded(image, partner, seed):
    return noise(image, partner, int(torch.randint(1000, ())))


def idle(image, partner, seed):
    return image.clone() if seed == 3 else noise(image, partner, seed)


def mixes(image, partner, seed):
    other = nn.functional.interpolate(partner[None].float(), image.shape[-2:])[0]
    return torch.lerp(image.float(), other, 0.5).round().to(torch.uint8)


BROKEN = [
    ("fakes-like-the-image", floats, "seed 0 gave another kind of image; .*float32; .*uint8"),
    ("fakes-like-the-image", squares, r"received a tensor of shape \(3, 40, 40\)"),
    ("fakes-like-the-image", same_size, "seed 0 raised RuntimeError.* on 64 x 64 pixels"),
    ("both-untouched", in_place, "the image that went in was changed"),
    ("both-untouched", on_the_partner, "the partner that went in was changed"),
    ("seed-decides", unseeded, "seed 0 gave two fakes of one image"),
    ("never-unchanged", idle, "seed 3 with another one as partner leaves an image of 64 x 64"),
    ("never-unchanged", mixes, "seed 0 with itself as partner leaves an image"),
]


@pytest.mark.parametrize(("name", "of", "message"), BROKEN)
def test_a_broken_pseudo_fake_is_caught(caught, name, of, message):
    broken = type("Broken", (Grain,), {"of": of, "__module__": __name__})
    caught(name, broken, message, sound=Grain)


BROKEN_LABELS = [
    ("labelled-fake", HierarchicalLabel("real", generator="x")),
    ("labelled-fake", "fake"),
]


@pytest.mark.parametrize(("name", "label"), BROKEN_LABELS)
def test_a_label_of_something_else_is_caught(caught, name, label):
    told = property(lambda self: label)
    broken = type("Broken", (Grain,), {"label": told, "__module__": __name__})
    caught(name, broken, "its label is not that of a fake", sound=Grain)


class Shifts(nn.Module):
    """Learns one number."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(0.0))

    def fit(self, images, seed) -> None:
        self.shift.fill_(5 + torch.stack([image.float().mean() for image in images]).mean() / 50)

    def forward(self, image, partner, seed):
        return (noise(image, partner, seed) + self.shift).clamp(0, 255).to(torch.uint8)


class Forgets(Shifts):
    """Keeps what it learnt out of its state."""

    def state_dict(self, *args, **kwargs):
        return {}

    def load_state_dict(self, state, *args, **kwargs):
        return None


class Tells(Shifts):
    """Has something else in its state."""

    def state_dict(self, *args, **kwargs):
        return {**super().state_dict(), "made": "today"}


class Fails(Shifts):
    """Cannot learn."""

    def fit(self, images, seed) -> None:
        raise ValueError("too few")


class Learner(Grain):
    """A pseudo-fake around a module that learns."""

    module: ClassVar[type[nn.Module]] = Shifts

    def build(self, context: BuildContext) -> nn.Module:
        return self.module()


BROKEN_LEARNERS = [
    ("learnt-state-carries-over", Forgets, "seed 0 gives another fake after the state"),
    ("learnt-state-carries-over", Tells, "its state holds something else than tensors; .*made"),
    ("never-unchanged", Fails, "fit raised ValueError: too few"),
]


@pytest.mark.parametrize(("name", "module", "message"), BROKEN_LEARNERS)
def test_a_broken_learner_is_caught(caught, name, module, message):
    broken = type("Broken", (Learner,), {"module": module, "__module__": __name__})
    caught(name, broken, message, sound=Learner)
