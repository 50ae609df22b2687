"""What all shipped pseudo-fakes promise, and what their schemas say."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from mfclip.parts import BuildContext
from mfclip_pseudo.parts import Autoencoder, SelfBlend, Spectrum, SwapBlend, Upsample
from mfclip_pseudo.plugin import mfclip_pseudo_fakes
from mfclip_text.parts import HierarchicalPrompts

MEAN_CHANGE = {
    "self-blend": (0.3, 20),
    "swap-blend": (3, 60),
    "upsample": (0.3, 16),
    "spectrum": (0.3, 12),
    "autoencoder": (0.5, 40),
}
"""Of one image, the mean absolute change of its pixels, of 255: the least and the most."""
PARTS = [
    *(SelfBlend(), SwapBlend(), Upsample(), Spectrum()),
    Autoencoder(channels=4, steps=9, batch_size=2, crop=32),
]


@pytest.fixture(scope="module", params=PARTS, ids=lambda part: part.use)
def made(request, face, other):
    """A part, and its fakes of the face with 24 seeds."""
    forge = request.param.build(BuildContext())
    if hasattr(forge, "fit"):
        forge.fit([face, other], 0)
    return request.param, [forge(face, other, seed) for seed in range(24)]


def test_five_are_offered():
    assert [part.model_fields["use"].default for part in mfclip_pseudo_fakes()] == list(MEAN_CHANGE)


def test_every_fake_is_changed_within_reason(made, face):
    part, fakes = made
    least, most = MEAN_CHANGE[part.use]
    changes = [np.abs(one.numpy().astype(float) - face.numpy()).mean() for one in fakes]
    assert least <= min(changes)
    assert max(changes) <= most


def test_seeds_make_different_fakes(made):
    part, fakes = made
    distinct = {one.numpy().tobytes() for one in fakes}
    assert len(distinct) == (3 if part.use == "autoencoder" else 24)  # one of three decoders


def test_no_two_labels_are_alike_and_prompts_speak_of_them():
    render = HierarchicalPrompts().build(BuildContext()).render
    texts = [render(part.label) for part in PARTS]
    assert len(set(texts)) == 5
    assert texts[0] == (
        "a photo of a fake face",
        "a photo of a blended face",
        *HierarchicalPrompts().build(BuildContext()).render(SelfBlend().label)[2:],
    )
    assert "self-blend" in texts[0][3]


@pytest.mark.parametrize("wrong", [torch.zeros(3, 8, 8), torch.zeros(1, 8, 8, dtype=torch.uint8)])
@pytest.mark.parametrize("part", PARTS[:4], ids=lambda part: part.use)
def test_what_is_no_image_is_refused(part, wrong):
    with pytest.raises(ValueError, match=r"an image is \(3, H, W\) of torch\.uint8, got"):
        part.build(BuildContext())(wrong, wrong, 0)


@pytest.mark.parametrize(
    ("part", "settings"),
    [
        (SelfBlend, {"strengths": ()}),
        (SelfBlend, {"strengths": (0.0,)}),
        (Upsample, {"methods": ("cubic",)}),
        (Upsample, {"methods": ()}),
        (Spectrum, {"amplitude": 1.0}),
        (Autoencoder, {"down": 3}),
        (Autoencoder, {"crop": 36}),
    ],
)
def test_settings_without_sense_are_refused(part, settings):
    with pytest.raises(ValidationError):
        part(**settings)
