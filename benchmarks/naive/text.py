"""The text side the plain way: every row of the batch, over every token of the context."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mfclip_text.encoder import FineGrainedLanguageEncoder, read_out_positions


class NaiveText(nn.Module):
    """The same encoder and weights: 77·S tokens, whatever follows the read-out included."""

    def __init__(self, encoder: FineGrainedLanguageEncoder) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, tokens: Int[Tensor, "batch sentences 77"]) -> Float[Tensor, "batch d"]:
        """T_l of each row, equal rows computed again and again."""
        x = self.encoder.words(tokens.flatten(1)) + self.encoder.positions
        x = self.encoder.norm(self.encoder.blocks(x))
        return x[torch.arange(len(x), device=x.device), read_out_positions(tokens)]
