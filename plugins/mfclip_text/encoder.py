"""The fine-grained language encoder (FLE, III-D)."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mfclip_text.block import CausalBlock

VOCABULARY = 49408
"""Tokens of CLIP's byte-pair encoding. The last is the end of text."""
CONTEXT = 77
"""Tokens of one sentence."""


class FineGrainedLanguageEncoder(nn.Module):
    """Encodes all sentences of a prompt as one sequence of 77·S tokens (Eq. 6).

    Word embeddings of the S sentences are concatenated, a position embedding is added **to each
    token**, L causal blocks and a norm follow, and T_l is read out at the end-of-text token of
    the **last** sentence, the only one that sees every level.

    Causal, so whatever follows the read-out cannot reach it: the sequence is cut behind the last
    read-out of the batch. Values and gradients are those of the whole sequence, for about 3/4 of
    the work at S = 4.
    """

    def __init__(self, *, sentences: int, width: int, heads: int, layers: int, mlp: int) -> None:
        super().__init__()
        self.sentences = sentences
        self.words = nn.Embedding(VOCABULARY, width)
        self.positions = nn.Parameter(torch.empty(1, CONTEXT * sentences, width))
        self.blocks = nn.Sequential(*(CausalBlock(width, heads, mlp) for _ in range(layers)))
        self.norm = nn.LayerNorm(width)
        self._initialise(width, layers)

    def _initialise(self, width: int, layers: int) -> None:
        """CLIP's initialisation: the residual branches shrink with the depth."""
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.normal_(self.positions, std=0.01)
        residual = width**-0.5 * (2 * layers) ** -0.5
        for name, parameter in self.blocks.named_parameters():
            if name.endswith("qkv.weight"):
                nn.init.normal_(parameter, std=width**-0.5)
            elif name.endswith("mlp.0.weight"):
                nn.init.normal_(parameter, std=(2 * width) ** -0.5)
            elif name.endswith(("projection.weight", "mlp.2.weight")):
                nn.init.normal_(parameter, std=residual)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, tokens: Int[Tensor, "k sentences 77"]) -> Float[Tensor, "k width"]:
        """T_l of K prompts. A prompt's embedding does not depend on the other prompts.

        Raises:
            ValueError: the tokens are not those of S sentences of 77.
        """
        if tokens.shape[1:] != (self.sentences, CONTEXT):
            raise ValueError(
                f"tokens must have shape (prompts, {self.sentences}, {CONTEXT}), "
                f"received {tuple(tokens.shape)}"
            )
        readout = read_out_positions(tokens)
        length = int(readout.max()) + 1
        # (K, S, L) -> (K, S L) -> (K, n, d): the sentences in a row, each word at its place
        x = self.words(tokens.flatten(1)[:, :length]) + self.positions[:, :length]
        x = self.blocks(x)
        text: Tensor = self.norm(x[torch.arange(len(x), device=x.device), readout])
        return text


def read_out_positions(tokens: Int[Tensor, "k sentences 77"]) -> Int[Tensor, " k"]:
    """Place of the last sentence's end-of-text token in the whole sequence.

    End of text is the largest token there is, so it is found as CLIP finds it.
    """
    return (tokens.shape[1] - 1) * CONTEXT + tokens[:, -1].argmax(-1)
