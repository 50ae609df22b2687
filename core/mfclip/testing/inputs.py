"""Inputs for the checks: the same on every machine, small, and like what a detector sees.

Shape letters: B images or pairs, K prompts, S sentences, d the width.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

START, END = 49406, 49407
"""CLIP's tokens before and after a sentence."""
CONTEXT = 77
"""Tokens of one sentence, padding included."""


def images(batch: int, size: int, seed: int = 0) -> Float[Tensor, "batch 3 size size"]:
    """Pictures with a soft coarse structure and fine grain, 0-1; each row of a seed differs."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(batch, 3, 4, 4, generator=random)
    soft = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")
    # The left half is grainier, so that a part which looks for texture has something to find.
    grain = torch.randn(batch, 3, size, size, generator=random) * 0.05
    grain[..., size // 2 :] *= 0.2
    return (soft * 0.8 + 0.1 + grain).clamp(0, 1)


def extreme_images(size: int) -> dict[str, Float[Tensor, "3 size size"]]:
    """Pictures that real data hold now and then, by name."""
    plain = {"black": (0, 0, 0), "white": (1, 1, 1), "grey": (0.5, 0.5, 0.5)}
    plain |= {"saturated red": (1, 0, 0), "saturated green": (0, 1, 0)}
    plain |= {"saturated blue": (0, 0, 1)}
    found = {
        n: torch.tensor(c).float().view(3, 1, 1).expand(3, size, size) for n, c in plain.items()
    }
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(3, size, size, generator=random)
    return {**found, "noise": noise, "black-and-white noise": noise.round()}


def tokens(prompts: int, sentences: int, seed: int = 0) -> Int[Tensor, "prompts sentences 77"]:
    """Token rows as the prompt table makes them: start, words, end, zeros; of several lengths."""
    random = torch.Generator().manual_seed(seed)
    table = torch.zeros(prompts, sentences, CONTEXT, dtype=torch.int64)
    for row in table.view(-1, CONTEXT):
        length = int(torch.randint(4, 16, (), generator=random))
        words = torch.randint(300, 40000, (length,), generator=random)
        row[: length + 2] = torch.cat([torch.tensor([START]), words, torch.tensor([END])])
    return table


def embeddings(batch: int, width: int, seed: int = 0) -> Float[Tensor, "batch width"]:
    """Embeddings as encoders give them, not normalised."""
    return torch.randn(batch, width, generator=torch.Generator().manual_seed(seed))


def labels(batch: int) -> Int[Tensor, " batch"]:
    """Real and fake by turns."""
    return torch.arange(batch) % 2


def prompt_rows(batch: int, prompts: int) -> Int[Tensor, " batch"]:
    """A row of the prompt table for each sample; some rows come more than once."""
    return torch.arange(batch) % max(prompts - 1, 1)
