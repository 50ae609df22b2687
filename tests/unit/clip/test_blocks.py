"""The fast forward pass of a block against open_clip's own, values and gradients."""

from __future__ import annotations

import pytest
import torch
from open_clip.transformer import QuickGELU, ResidualAttentionBlock
from torch import nn

from mfclip_clip.blocks import ScoringBlock, through


@pytest.fixture(params=[nn.GELU, QuickGELU])
def block(request) -> ResidualAttentionBlock:
    torch.manual_seed(0)
    made = ResidualAttentionBlock(24, 3, act_layer=request.param)
    for parameter in made.parameters():  # biases and norms start at 0 and 1
        nn.init.normal_(parameter, std=0.3)
    return made.double()


def tokens() -> torch.Tensor:
    drawn = torch.randn(2, 7, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return drawn.requires_grad_()


def test_values_and_all_gradients_are_those_of_open_clip(block):
    found = []
    for way in (lambda x: through(block, x), block):
        block.zero_grad()
        given = tokens()
        out = way(given)
        (out**3).sum().backward()
        found.append([out, given.grad, *(parameter.grad for parameter in block.parameters())])
    for mine, theirs in zip(*found, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_values_without_gradients_are_those_with_them(block):
    with torch.no_grad():
        scored = through(block, tokens())
    torch.testing.assert_close(scored, through(block, tokens()))


def test_gradients_of_gradients_are_there(block):
    """Some losses ask for them; fused attention on a CPU has none."""
    given = tokens()
    (first,) = torch.autograd.grad(through(block, given).sum(), given, create_graph=True)
    (second,) = torch.autograd.grad(first.pow(2).sum(), given)
    assert second.abs().sum() > 0


def test_bfloat16_stays_close(block):
    block.float()
    given = tokens().detach().float()
    with torch.autocast("cpu", torch.bfloat16):
        reduced = through(block, given.requires_grad_())
    torch.testing.assert_close(reduced.float(), block(given), rtol=0.05, atol=0.1)


def test_the_form_for_scoring_gives_the_same(block):
    with torch.no_grad():
        scored = through(ScoringBlock(block, torch.float64), tokens())
    torch.testing.assert_close(scored, block(tokens()))
