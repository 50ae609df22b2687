"""Pairwise sigmoid alignment (Zhai et al., Sigmoid Loss for Language Image Pre-Training, 2023)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


class Similarity(NamedTuple):
    """What mfclip expects of an alignment."""

    v2l: Float[Tensor, "batch batch"]
    """Row i: image i against every text."""
    l2v: Float[Tensor, "batch batch"]
    """Row i: text i against every image."""
    normalised: bool
    """True: log-weights, to be read as they are."""


class SigmoidAlignment(nn.Module):
    """Whether image i and text j belong together is a yes or no of its own: σ(t·cos + b).

    A softmax makes the texts of a batch compete for an image; here no pair knows of another. The
    entry (i, j) is the log-probability of the answers "yes" to pair (i, j) and "no" to the rest of
    its row. On the diagonal that is, term by term, the sigmoid loss of row i, so the contrastive
    loss over these rows *is* the SigLIP loss.

    Samples with one prompt share their text: where the prompts are given, a text is never held
    against its own copies.

    Parameters
    ----------
    scale
        t at the start; learnable.
    bias
        b at the start; learnable.
    """

    def __init__(self, scale: float = 10.0, bias: float = -10.0) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.bias = nn.Parameter(torch.tensor(float(bias)))

    def forward(
        self,
        visual: Float[Tensor, "batch width"],
        text: Float[Tensor, "batch width"],
        prompt: Int[Tensor, " batch"] | None = None,
    ) -> Similarity:
        """Compare every image with every text; row i of ``text`` belongs to image i."""
        with torch.autocast(visual.device.type, enabled=False):
            logits = self._logits(_precise(visual), _precise(text))
            rivals = _rivals(len(visual), prompt, logits)
            return Similarity(_log_weights(logits, rivals), _log_weights(logits.T, rivals), True)

    def _logits(
        self, visual: Float[Tensor, "batch width"], text: Float[Tensor, "batch width"]
    ) -> Float[Tensor, "batch batch"]:
        cosine = F.normalize(visual, dim=-1) @ F.normalize(text, dim=-1).T
        return self.log_scale.exp() * cosine + self.bias


def _precise(x: Tensor) -> Tensor:
    """Half precision as float32: at a scale of 100 its logits would be off by up to 0.25."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _rivals(
    batch: int, prompt: Int[Tensor, " batch"] | None, like: Tensor
) -> Float[Tensor, "batch batch"]:
    """Entry (j, k) is 1 where k is wrong if j is right, else 0."""
    index = torch.arange(batch, device=like.device) if prompt is None else prompt
    return (index[:, None] != index[None, :]).to(like.dtype)


def _log_weights(
    logits: Float[Tensor, "batch batch"], rivals: Float[Tensor, "batch batch"]
) -> Float[Tensor, "batch batch"]:
    """log σ(z_ij) + Σ_k rival_jk · log σ(-z_ik)."""
    return F.logsigmoid(logits) + F.logsigmoid(-logits) @ rivals
