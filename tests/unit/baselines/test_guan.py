"""Gradient regularisation against finite differences in float64."""

from __future__ import annotations

import math

import pytest
import timm
import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from mfclip.parts import BuildContext
from mfclip_baselines.guan import Guan as Network
from mfclip_baselines.guan import moved, uphill
from mfclip_baselines.schemas.guan import Guan
from mfclip_baselines.schemas.m2tr import M2tr

from .test_learning import batch as easy

LABEL = torch.tensor([0, 1, 1, 0])


def loss(logits: Tensor) -> Tensor:
    return functional.cross_entropy(logits, LABEL)


def toy(radius: float, alpha: float) -> Network:
    """The training step around two small smooth networks, in float64."""
    torch.manual_seed(3)
    network = Network(radius=radius, alpha=alpha)
    network.shallow = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh())
    network.deep = nn.Sequential(
        nn.Conv2d(4, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    return network.double()


def small(images: Tensor) -> Tensor:
    return images[..., :12, :12].double()


def test_the_network_is_that_of_timm(images):
    ours = Guan().build(BuildContext()).eval()
    theirs = timm.create_model("tf_efficientnet_b0", num_classes=2).eval()
    values = [*ours.shallow.state_dict().values(), *ours.deep.state_dict().values()]
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    torch.testing.assert_close(ours(images), theirs(ours.normalise(images)))
    assert sum(value.numel() for value in ours.parameters()) == 4_010_110


@pytest.mark.parametrize("part", [Guan(), M2tr()], ids=lambda part: part.use)
def test_a_fresh_network_is_unsure(part, images):
    """timm's EfficientNets begin with log-odds of 2 to 3 either way where there are two classes."""
    torch.manual_seed(0)
    network = part.build(BuildContext(image_size=64)).train()
    with torch.no_grad():
        given = network(images)
    logits = given if isinstance(given, Tensor) else given.logits
    assert (logits[:, 1] - logits[:, 0]).abs().max() < 1.5
    assert loss(logits).item() == pytest.approx(math.log(2), abs=0.3)


@pytest.mark.parametrize("blocks", [1, 2, 6])
def test_statistics_are_those_after_so_many_groups(blocks, images):
    network = Guan(blocks=blocks).build(BuildContext())
    width = {1: 16, 2: 24, 6: 192}[blocks]
    assert network.shallow(images).shape[1] == width


def test_moved_maps_have_the_moved_statistics():
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    mean, std = torch.randn(2, 2, 3, 1, 1, dtype=torch.float64).unbind()
    made = moved(x, mean, std.abs())
    torch.testing.assert_close(made.mean((2, 3)), x.mean((2, 3)) + mean[..., 0, 0])
    before, after = (maps.std((2, 3), correction=0) for maps in (x, made))
    torch.testing.assert_close(after, before + std.abs()[..., 0, 0], rtol=1e-5, atol=1e-5)
    assert torch.equal(moved(x, 0 * mean, 0 * std), x)


def test_flat_maps_and_gradients_of_zero_stay_finite():
    x = torch.ones(1, 2, 4, 4)
    zero = torch.zeros(1, 2, 1, 1)
    assert torch.equal(moved(x, zero, zero + 1), x)
    assert all(torch.equal(step, zero) for step in uphill(zero, zero, 0.05))


def test_a_step_is_as_long_as_the_radius_for_each_image():
    mean, std = torch.randn(2, 3, 5, 1, 1).unbind()
    steps = torch.cat(uphill(mean, std, 0.05), 1).flatten(1)
    torch.testing.assert_close(steps.norm(dim=1), torch.full((3,), 0.05))
    both = torch.cat([mean, std], 1).flatten(1)
    torch.testing.assert_close(functional.cosine_similarity(steps, both), torch.ones(3))


def lengths(network: Network, x: Tensor) -> Tensor:
    """The regulariser by central differences: the gradient's length of each image, summed."""
    maps = network.shallow(network.normalise(x)).detach()
    slopes = torch.zeros(len(x), 2 * maps.shape[1], dtype=torch.float64)
    h = 1e-6
    for place in range(slopes.numel()):
        shift = torch.zeros_like(slopes).view(-1)
        shift[place] = h
        mean, std = shift.view_as(slopes)[..., None, None].chunk(2, 1)
        up, down = (loss(network.deep(moved(maps, s * mean, s * std))) for s in (1, -1))
        slopes.view(-1)[place] = ((up - down) / (2 * h)).detach()
    return slopes.norm(dim=1).sum()


def test_the_second_term_rises_by_the_length_of_the_gradient(images):
    x, radius = small(images), 1e-4
    network = toy(radius, alpha=0.5)
    total = network.training_loss(x, {}, loss)
    rise = (total - loss(network(x))) / (0.5 * radius)
    torch.testing.assert_close(rise, lengths(network, x), rtol=1e-3, atol=0)


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_the_gradient_is_the_mix_of_both_passes(alpha, images):
    x = small(images)
    network = toy(0.05, alpha)
    network.training_loss(x, {}, loss).backward()
    found = [value.grad.clone() for value in network.parameters()]

    maps = network.shallow(network.normalise(x))
    mean, std = (torch.zeros(4, 4, 1, 1, dtype=torch.float64, requires_grad=True) for _ in "ms")
    slopes = torch.autograd.grad(loss(network.deep(moved(maps.detach(), mean, std))), (mean, std))
    steps = uphill(*slopes, 0.05)

    def risen(values: list[Tensor]) -> Tensor:
        """Both losses in these weights, with the step as it was found."""
        named = dict(zip((n for n, _ in network.named_parameters()), values, strict=True))
        inner = torch.func.functional_call(network, named, (x,))
        shifted = torch.func.functional_call(Shifted(network, steps), _below(named), (x,))
        return (1 - alpha) * loss(inner) + alpha * loss(shifted)

    values = [value.detach() for value in network.parameters()]
    for number, value in enumerate(values):
        direction = torch.randn(value.shape, dtype=torch.float64)
        h = 1e-5
        up, down = (
            risen([v + s * h * direction if n == number else v for n, v in enumerate(values)])
            for s in (1, -1)
        )
        expected = (found[number] * direction).sum()
        torch.testing.assert_close((up - down) / (2 * h), expected, rtol=1e-5, atol=1e-9)


class Shifted(nn.Module):
    """The network with its statistics moved by given steps."""

    def __init__(self, network: Network, steps: tuple[Tensor, Tensor]) -> None:
        super().__init__()
        self.network, self.steps = network, steps

    def forward(self, x: Tensor) -> Tensor:
        maps = self.network.shallow(self.network.normalise(x))
        return self.network.deep(moved(maps, *self.steps))


def _below(named: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"network.{name}": value for name, value in named.items()}


def test_every_parameter_learns_and_the_first_call_is_of_the_image_as_it_is(images):
    network = Guan().build(BuildContext()).train()
    seen: list[Tensor] = []

    def told(logits: object) -> Tensor:
        assert isinstance(logits, Tensor)
        seen.append(logits.detach())
        return loss(logits)

    network.training_loss(images, {}, told).backward()
    assert len(seen) == 2
    assert all(value.grad is not None and value.grad.any() for value in network.parameters())
    assert not torch.equal(*seen)
    torch.testing.assert_close(seen[0], network(images).detach(), rtol=1e-3, atol=1e-3)


def test_an_easy_forgery_is_learnt():
    """A brighter square, told on other images; 20 steps with both passes."""
    torch.manual_seed(0)
    network = Guan().build(BuildContext())
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    for step in range(20):
        seen, label, _ = easy(step)
        optimiser.zero_grad()
        network.train().training_loss(
            seen[..., ::2, ::2],
            {},
            lambda logits, label=label: functional.cross_entropy(logits, label),
        ).backward()
        optimiser.step()
    seen, label, _ = easy(1000, 24)
    with torch.no_grad():
        logits = network.eval()(seen[..., ::2, ::2])
    assert roc_auc_score(label, logits[:, 1] - logits[:, 0]) > 0.9
