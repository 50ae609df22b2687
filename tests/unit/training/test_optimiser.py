from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from mfclip.errors import UsageError
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.optimiser import (
    load_optimiser,
    make_optimiser,
    optimiser_tensors,
    set_learning_rate,
    trainable,
)

SETTINGS = TrainingSettings(learning_rate=1e-2, weight_decay=1e-1)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))


def take_steps(module, adam, count, seed=0):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(count):
        module(torch.randn(5, 3, generator=generator)).square().sum().backward()
        adam.step()
        adam.zero_grad(set_to_none=True)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_takes_as_much_of_its_last_step_again_as_it_is_told(momentum):
    parameter = nn.Parameter(torch.tensor([1.0, -2.0]))
    settings = TrainingSettings(
        optimiser="sgd", momentum=momentum, learning_rate=0.1, weight_decay=0.0
    )
    sgd = make_optimiser(nn.ParameterList([parameter]), settings)
    for gradient in (1.0, 3.0):
        parameter.grad = torch.full((2,), gradient)
        sgd.step()
    moved = 0.1 * 1 + 0.1 * (momentum * 1 + 3)
    torch.testing.assert_close(parameter.detach(), torch.tensor([1.0, -2.0]) - moved)


def test_a_step_is_the_papers_adam_with_decay_in_the_gradient():
    parameter = nn.Parameter(torch.tensor([1.0, -2.0, 3.0]))
    adam = make_optimiser(nn.ParameterList([parameter]), SETTINGS)
    theta = parameter.detach().double().numpy().copy()
    first, second = np.zeros(3), np.zeros(3)
    for step in range(1, 6):
        gradient = np.array([0.5, -1.0, 0.01]) * step
        parameter.grad = torch.tensor(gradient, dtype=torch.float32)
        adam.step()
        decayed = gradient + 1e-1 * theta
        first = 0.9 * first + 0.1 * decayed
        second = 0.999 * second + 0.001 * decayed**2
        unbiased = np.sqrt(second / (1 - 0.999**step)) + 1e-8
        theta -= 1e-2 * first / (1 - 0.9**step) / unbiased
    assert parameter.detach().numpy() == pytest.approx(theta, rel=1e-5)


def test_going_on_from_saved_tensors_equals_going_on():
    module = net()
    adam = make_optimiser(module, SETTINGS)
    take_steps(module, adam, 3)
    other = copy.deepcopy(module)
    resumed = make_optimiser(other, SETTINGS)
    load_optimiser(
        resumed, other, {n: t.clone() for n, t in optimiser_tensors(adam, module).items()}
    )
    take_steps(module, adam, 3, seed=1)
    take_steps(other, resumed, 3, seed=1)
    for mine, theirs in zip(module.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_without_the_moments_it_would_differ():
    module = net()
    adam = make_optimiser(module, SETTINGS)
    take_steps(module, adam, 3)
    other = copy.deepcopy(module)
    take_steps(module, adam, 3, seed=1)
    take_steps(other, make_optimiser(other, SETTINGS), 3, seed=1)
    assert not torch.equal(module[0].weight, other[0].weight)


def test_a_parameter_without_gradient_has_no_moments_and_that_loads():
    module = nn.ModuleDict({"used": nn.Linear(2, 1), "spare": nn.Linear(2, 1)})
    adam = make_optimiser(module, SETTINGS)
    module["used"](torch.ones(1, 2)).sum().backward()
    adam.step()
    tensors = optimiser_tensors(adam, module)
    assert "exp_avg/used.weight" in tensors
    assert not any("spare" in name for name in tensors)
    other = make_optimiser(module, SETTINGS)
    load_optimiser(other, module, tensors)
    assert optimiser_tensors(other, module).keys() == tensors.keys()


def test_shared_and_frozen_parameters():
    module = net()
    module[0].bias.requires_grad_(False)
    module.again = module[2]
    assert list(trainable(module)) == ["0.weight", "2.weight", "2.bias"]


def test_all_frozen_is_an_error():
    with pytest.raises(UsageError, match="every parameter of the detector is frozen"):
        make_optimiser(net().requires_grad_(False), SETTINGS)


def test_the_rate_is_set_for_the_steps_to_come():
    module = net()
    adam = make_optimiser(module, SETTINGS)
    before = copy.deepcopy(module)
    set_learning_rate(adam, 0.0)
    take_steps(module, adam, 1)
    assert torch.equal(module[0].weight, before[0].weight)
