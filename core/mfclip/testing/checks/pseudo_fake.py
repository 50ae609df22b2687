"""Checks of pseudo-fakes: a real image (3, H, W) uint8, another one, a seed -> a fake of its shape.

Those that learn from real images first are given twelve small ones.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.protocols import Forges, LearnsFromReals
from mfclip.errors import in_one_line
from mfclip.parts import PseudoFake
from mfclip.testing.faults import Fault
from mfclip.testing.inputs import images
from mfclip.testing.probes import described
from mfclip.testing.subject import Subject

SIZES = ((64, 64), (48, 80), (33, 65), (16, 16))
"""Heights and widths of images to try."""
SEEDS = (0, 1, 2, 3, 4, 5, 6, 7, 2**63 - 1)
_READY: WeakKeyDictionary[Subject, Forges] = WeakKeyDictionary()


def labelled_fake(subject: Subject) -> None:
    """Its label says fake and names a generator, so that prompts can speak of what it makes."""
    assert isinstance(subject.part, PseudoFake)
    label = subject.part.label
    if isinstance(label, HierarchicalLabel) and label.is_fake and label.generator.strip():
        return
    raise Fault(
        "its label is not that of a fake",
        received=repr(label),
        expected='HierarchicalLabel("fake", ...) with the name of a generator',
    )


def fakes_like_the_image(subject: Subject) -> None:
    """The fake has the image's shape and type, for any height and width, whatever the partner's."""
    forge = _ready(subject)
    for size, other in zip(SIZES, SIZES[::-1], strict=True):
        for seed in SEEDS:
            image = _image(*size)
            made: object = _forged(forge, image, _image(*other, 1), seed)
            right = isinstance(made, Tensor) and made.dtype == torch.uint8
            if not right or made.shape != image.shape:  # type: ignore[attr-defined]
                raise Fault(
                    f"seed {seed} gave another kind of image",
                    received=described(made),
                    expected=described(image),
                )


def both_untouched(subject: Subject) -> None:
    """Neither the image that goes in nor its partner is changed."""
    image, partner = _image(), _image(48, 80, 1)
    for seed in SEEDS:
        _ready(subject)(image, partner, seed)
    for name, one, before in (("image", image, _image()), ("partner", partner, _image(48, 80, 1))):
        if not torch.equal(one, before):
            raise Fault(f"the {name} that went in was changed", advice="work on image.clone()")


def seed_decides(subject: Subject) -> None:
    """The same image, partner and seed give the same fake, whatever the random state is."""
    forge, other = _ready(subject), _learnt(subject, subject.build(seed=1))
    for seed in SEEDS:
        made = []
        for state, one in ((1, forge), (2, forge), (3, other)):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(state)
                made.append(one(_image(), _image(seed=1), seed))
        if not all(torch.equal(made[0], one) for one in made):
            raise Fault(
                f"seed {seed} gave two fakes of one image",
                expected="randomness that the seed decides, and nothing else",
                advice="draw with torch.Generator().manual_seed(seed)",
            )


def never_unchanged(subject: Subject) -> None:
    """No image comes back as it went in, also where it is its own partner."""
    forge = _ready(subject)
    for size in SIZES:
        image = _image(*size)
        for name, partner in (("another one", _image(*size, 1)), ("itself", image)):
            for seed in SEEDS:
                if torch.equal(forge(image, partner, seed), image):
                    raise Fault(
                        f"seed {seed} with {name} as partner leaves an image of {size[0]} x "
                        f"{size[1]} pixels as it is",
                        expected="a fake: it is trained on as one",
                    )


def learnt_state_carries_over(subject: Subject) -> None:
    """What it learnt from real images, if it does, is its state: a fresh build takes it up."""
    forge, fresh = _ready(subject), subject.build(seed=2)
    if not (isinstance(forge, LearnsFromReals) and isinstance(fresh, LearnsFromReals)):
        return
    state = dict(forge.state_dict())
    strange = [name for name, value in state.items() if not isinstance(value, Tensor)]
    if strange:
        raise Fault(
            "its state holds something else than tensors",
            received=", ".join(strange),
            expected="tensors by name: checkpoints hold nothing else",
        )
    fresh.load_state_dict({name: value.clone() for name, value in state.items()})
    for seed in SEEDS:
        args = (_image(), _image(seed=1), seed)
        if not torch.equal(forge(*args), fresh(*args)):  # type: ignore[operator]
            raise Fault(
                f"seed {seed} gives another fake after the state was carried over",
                expected="a resumed run that makes what an uninterrupted one makes",
            )


def _ready(subject: Subject) -> Forges:
    """What was built, after it learnt from real images where it does. Shared."""
    if subject not in _READY:
        _READY[subject] = _learnt(subject, subject.built)
    return _READY[subject]


def _learnt(subject: Subject, built: Any) -> Forges:
    if isinstance(built, LearnsFromReals):
        reals = [_image(*SIZES[number % 3], seed=number) for number in range(12)]
        try:
            built.fit(reals, 5)
        except Exception as error:
            raise Fault(f"fit raised {in_one_line(error)}", received="twelve images") from error
    forge: Forges = built
    return forge


def _forged(forge: Forges, image: Tensor, partner: Tensor, seed: int) -> object:
    try:
        return forge(image, partner, seed)
    except Exception as error:
        size = f"{image.shape[-2]} x {image.shape[-1]} pixels"
        raise Fault(f"seed {seed} raised {in_one_line(error)} on {size}") from error


def _image(height: int = 64, width: int = 64, seed: int = 0) -> UInt8[Tensor, "3 height width"]:
    whole = images(1, max(height, width), seed)[0, :, :height, :width]
    return (whole * 255).round().to(torch.uint8)
