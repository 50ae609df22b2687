"""The network against what is in print: the formula in NumPy, an example by hand, sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from mfclip import BuildContext
from torch.nn import functional

from acme_npr import REGISTRY
from acme_npr.network import Npr, relations, two_columns
from acme_npr.parts import MAP, AcmeNpr


def drawn(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(1))


def in_float64(images: np.ndarray, window: int) -> np.ndarray:
    """x_ij minus the pixel at the top left of its window, written out pixel by pixel."""
    found = np.empty_like(images, dtype=np.float64)
    for row in range(images.shape[-2]):
        for column in range(images.shape[-1]):
            corner = images[..., row // window * window, column // window * window]
            found[..., row, column] = images[..., row, column].astype(np.float64) - corner
    return found


@pytest.mark.parametrize("window", [2, 3, 4])
@pytest.mark.parametrize("sides", [(8, 8), (9, 7), (5, 12)])
def test_relations_are_those_of_the_formula(window: int, sides: tuple[int, int]) -> None:
    images = drawn(2, 3, *sides)
    found = relations(images, window)
    np.testing.assert_allclose(found, in_float64(images.numpy(), window), atol=1e-7)


def test_a_window_by_hand() -> None:
    image = torch.tensor([[0.1, 0.2, 0.5, 0.5], [0.3, 0.4, 0.5, 0.9]]).expand(1, 3, 2, 4)
    by_hand = torch.tensor([[0.0, 0.1, 0.0, 0.0], [0.2, 0.3, 0.0, 0.4]])
    torch.testing.assert_close(relations(image), by_hand.expand(1, 3, 2, 4))


def test_even_sides_are_the_nearest_resampling_of_the_text() -> None:
    images = drawn(1, 3, 16, 16)
    halved = functional.interpolate(images, scale_factor=0.5, mode="nearest")
    resampled = functional.interpolate(halved, scale_factor=2.0, mode="nearest")
    assert torch.equal(relations(images), images - resampled)


def test_what_was_doubled_leaves_nothing() -> None:
    doubled = functional.interpolate(drawn(1, 3, 8, 8), scale_factor=2.0, mode="nearest")
    assert not relations(doubled).any()
    assert relations(doubled.roll(1, -1)).any(), "the grid of windows has its place"


def test_the_mean_of_the_normalisation_cancels() -> None:
    images, network = drawn(2, 3, 32, 32), Npr(channels=4).eval()
    brighter = network(images / 2 + 0.3)
    torch.testing.assert_close(brighter.logits, network(images / 2).logits)
    torch.testing.assert_close(2 * brighter.extra[MAP], network(images).extra[MAP])


def test_the_first_convolution_sees_two_thirds_of_the_normalised_differences() -> None:
    network, images = Npr(channels=4), drawn(2, 3, 16, 16)
    seen: list[torch.Tensor] = []
    network.stem[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    network(images)
    mean, std = np.array([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).reshape(2, 3, 1, 1)
    normalised = (images.double().numpy() - mean) / std
    np.testing.assert_allclose(seen[0], in_float64(normalised, 2) * 2 / 3, atol=1e-6)


def test_as_many_parameters_as_the_description_has() -> None:
    def convolutions(inputs: int, width: int, count: int) -> int:
        """Bottlenecks and a 1x1 shortcut; each convolution has two numbers a channel of norm."""
        first = inputs * width + 9 * width**2 + 4 * width**2 + 2 * (width + width + 4 * width)
        shortcut = 4 * inputs * width + 2 * 4 * width
        further = 4 * width**2 + 9 * width**2 + 4 * width**2 + 2 * (width + width + 4 * width)
        return first + shortcut + (count - 1) * further

    by_hand = 27 * 64 + 2 * 64 + convolutions(64, 64, 3) + convolutions(256, 128, 4) + 512 + 1
    network = AcmeNpr().build(BuildContext())
    assert sum(value.numel() for value in network.parameters()) == by_hand == 1_437_761


def test_features_are_an_eighth_of_the_sides() -> None:
    network = Npr(channels=4)
    maps = network.layer2(network.layer1(network.stem(drawn(1, 3, 64, 64))))
    assert maps.shape == (1, 32, 8, 8)


def test_cross_entropy_of_both_columns_is_the_binary_one() -> None:
    logit, label = torch.linspace(-4, 4, 6)[:, None], torch.tensor([0, 1] * 3)
    binary = functional.binary_cross_entropy_with_logits(logit[:, 0], label.float())
    torch.testing.assert_close(functional.cross_entropy(two_columns(logit), label), binary)


def test_its_assemblies_can_be_read() -> None:
    from mfclip.recipe.registry import read_registry

    found = read_registry(REGISTRY)
    assert {"acme-npr", "acme-npr-small"} <= {*found.assemblies}
    assert {*found.systems["acme"]} <= {*found.assemblies}
