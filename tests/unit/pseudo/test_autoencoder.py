"""The autoencoders: what they learn, and from how little."""

from __future__ import annotations

import pytest
import torch

from mfclip.data.protocols import LearnsFromReals
from mfclip.parts import BuildContext
from mfclip_pseudo.parts import Autoencoder

TINY = {"channels": 4, "batch_size": 2, "crop": 32}


def fitted(reals, seed=0, **settings):
    built = Autoencoder(**{**TINY, **settings}).build(BuildContext())
    built.fit(reals, seed)
    return built


def error(built, image) -> float:
    """Mean absolute error over the decoders, of 255."""
    made = [built(image, image, seed).float() for seed in range(12)]
    return float(torch.stack([(one - image).abs().mean() for one in made]).mean())


def test_it_learns_from_reals():
    assert isinstance(Autoencoder().build(BuildContext()), LearnsFromReals)


def test_training_brings_reconstructions_nearer(face):
    given = {"decoders": ("shuffle",), "batch_size": 4, "channels": 16}
    assert error(fitted([face], steps=60, **given), face) < 0.9 * error(
        fitted([face], steps=1, **given), face
    )


@pytest.mark.parametrize("decoder", ["nearest", "transposed", "shuffle"])
@pytest.mark.parametrize("down", [4, 8])
def test_every_architecture_gives_images_of_any_size(decoder, down, face, other):
    built = fitted([face], steps=2, decoders=(decoder,), down=down)
    for image in (face, other, face[:, :17, :33]):
        assert built(image, image, 0).shape == image.shape


def test_one_seed_learns_one_thing_whatever_the_random_state_is(face, other):
    torch.manual_seed(1)
    first = fitted([face, other], steps=4)
    torch.manual_seed(2)
    again = fitted(iter([face, other]), steps=4)
    before = torch.get_rng_state()
    again.fit([face, other], 0)
    assert torch.equal(torch.get_rng_state(), before)
    different = fitted([face, other], steps=4, seed=1)
    states = [one.state_dict() for one in (first, again, different)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert not all(torch.equal(value, states[2][name]) for name, value in states[0].items())


def test_no_more_images_are_asked_for_than_it_takes(face):
    asked = []

    def images():
        for number in range(100):
            asked.append(number)
            yield face

    fitted(images(), steps=1, images=5)
    assert len(asked) == 5


def test_images_smaller_than_a_crop_are_taken(face):
    fitted([face[:, :20, :9]], steps=1)


def test_its_weights_stay_small_enough_for_checkpoints():
    whole = Autoencoder().build(BuildContext())
    assert sum(value.nbytes for value in whole.state_dict().values()) < 2**20


def test_what_cannot_be_is_said(face):
    built = Autoencoder(**TINY).build(BuildContext())
    with pytest.raises(RuntimeError, match="fit them on real images first"):
        built(face, face, 0)
    with pytest.raises(ValueError, match="no real image to learn from"):
        built.fit([], 0)
