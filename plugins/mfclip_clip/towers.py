"""CLIP's two towers behind the contracts of an image and of a text encoder."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from open_clip.transformer import QuickGELU, TextTransformer, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint as again

from mfclip import ParameterGroup
from mfclip_clip.blocks import ScoringBlock, through
from mfclip_clip.reading import Pool, vectors

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)
"""Of the images that CLIP was trained on; R, G, B, of values 0-1."""

_ACTIVATIONS = {"gelu": nn.GELU, "quick-gelu": QuickGELU}


def image_tower(
    image_size: int,
    *,
    patch: int,
    width: int,
    layers: int,
    heads: int,
    embedding: int,
    activation: str,
    patch_dropout: float = 0.0,
) -> VisionTransformer:
    """open_clip's vision transformer, for square images of ``image_size`` pixels.

    In training mode it leaves out a share ``patch_dropout`` of each image's patches at random.
    """
    return VisionTransformer(
        image_size=image_size,
        patch_size=patch,
        width=width,
        layers=layers,
        heads=heads,
        mlp_ratio=4.0,
        output_dim=embedding,
        act_layer=_ACTIVATIONS[activation],
        patch_dropout=patch_dropout,
    )


def text_tower(
    *, width: int, layers: int, heads: int, embedding: int, activation: str
) -> TextTransformer:
    """open_clip's text transformer, for CLIP's vocabulary and 77 tokens."""
    return TextTransformer(
        width=width,
        layers=layers,
        heads=heads,
        output_dim=embedding,
        act_layer=_ACTIVATIONS[activation],
    )


def projection(inputs: int, outputs: int) -> nn.Sequential:
    """What is read (B, inputs) -> (B, outputs); normalised first, since blocks differ in scale."""
    return nn.Sequential(nn.LayerNorm(inputs), nn.Linear(inputs, outputs))


class ClipImageEncoder(nn.Module):
    """Images, 0-1, normalised as CLIP expects them -> the tower's embedding, or blocks' tokens.

    Parameters
    ----------
    tune
        What of the tower gets gradients: ``all``, ``layernorm``, or anything else for nothing.
    read
        Blocks, from 1, whose tokens are read and concatenated; the tower is cut behind the last.
        Empty: the projected embedding.
    pool, l2
        What is read of each block's tokens, see :func:`mfclip_clip.reading.vectors`; ``l2`` counts
        for the embedding too.
    rate
        Factor of the learning rate for the tower.
    checkpoint
        Whether blocks are computed anew in the backward pass, to save memory.
    drop_path
        In training mode: share (0-1, below 1) of the samples for which the last block's branches
        are left out; of block l of L it is l / L of that.
    project
        Brings what is read to the length of the embedding; learns whatever ``tune`` says.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        tower: VisionTransformer,
        *,
        tune: str = "all",
        read: tuple[int, ...] = (),
        pool: Pool = "class",
        l2: bool = False,
        rate: float = 1.0,
        checkpoint: bool = False,
        drop_path: float = 0.0,
        project: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.tower, self.read, self.rate = tower, read, rate
        self.pool, self.l2, self.drop_path = pool, l2, drop_path
        self.project = project or nn.Identity()
        if read:
            tower.transformer.resblocks = tower.transformer.resblocks[: read[-1]]
            tower.ln_post, tower.proj = nn.Identity(), None
        _let_learn(tower, tune)
        tower.set_grad_checkpointing(checkpoint)
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def parameter_groups(self) -> list[ParameterGroup]:
        """The tower learns at a rate of its own."""
        learns = any(parameter.requires_grad for parameter in self.tower.parameters())
        return [ParameterGroup("tower.", self.rate)] if learns and self.rate != 1.0 else []

    @torch.no_grad()
    def made_for_scoring(self, dtype: torch.dtype) -> None:
        """Exchange the blocks for such as can be packed; see :mod:`mfclip.inference.fuse`."""
        blocks = self.tower.transformer.resblocks
        if all(isinstance(block.attn, nn.MultiheadAttention) for block in blocks):
            self.tower.transformer.resblocks = nn.ModuleList(
                ScoringBlock(block, dtype) for block in blocks
            )

    def forward(self, images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch width"]:
        """Embeddings, not normalised unless by ``l2``."""
        embedding: Tensor = self.project(self._read(images))
        return embedding

    def _read(self, images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch read"]:
        found: list[Tensor] = []
        tokens = images
        for number, tokens in self._blocks((images - self.mean) / self.std):
            if number in self.read:
                found += vectors(tokens, self.pool, self.l2)
        if self.read:
            return torch.cat(found, 1)
        embedding: Tensor = self.tower.ln_post(tokens[:, 0]) @ self.tower.proj
        return functional.normalize(embedding, dim=1) if self.l2 else embedding

    def _blocks(
        self, images: Float[Tensor, "batch 3 size size"]
    ) -> Iterator[tuple[int, Float[Tensor, "batch tokens width"]]]:
        """The tokens behind each block, the class token first, with its number from 1."""
        tokens = self.tower._embeds(images)
        blocks = self.tower.transformer
        last = self.drop_path if self.training else 0.0
        for number, block in enumerate(blocks.resblocks, 1):
            drop = last * number / len(blocks.resblocks)
            if blocks.grad_checkpointing and torch.is_grad_enabled():
                tokens = again(through, block, tokens, drop, use_reentrant=False)
            else:
                tokens = through(block, tokens, drop)
            yield number, tokens


def _let_learn(tower: nn.Module, tune: str) -> None:
    """Switch gradients off for what stays as it is."""
    tower.requires_grad_(tune == "all")
    if tune == "layernorm":
        for module in tower.modules():
            if isinstance(module, nn.LayerNorm):
                module.requires_grad_()


class ClipTextEncoder(nn.Module):
    """Each of the S sentences through the text tower, then their mean.

    The tower is causal, so what follows the end-of-text token cannot reach the embedding, which
    is read out there. Tokens behind the longest sentence are cut off: the same values for about
    a sixth of the work, since a sentence fills some 12 of the 77 places.
    """

    def __init__(self, tower: TextTransformer) -> None:
        super().__init__()
        self.tower = tower

    def forward(self, tokens: Int[Tensor, "k sentences 77"]) -> Float[Tensor, "k width"]:
        """Embeddings of K prompts, not normalised."""
        prompts, sentences, _ = tokens.shape
        # (K, S, L) -> (K S, L) -> (K S, d) -> (K, S, d) -> (K, d)
        return self._encode(tokens.flatten(0, 1)).view(prompts, sentences, -1).mean(1)

    def _encode(self, tokens: Int[Tensor, "n 77"]) -> Float[Tensor, "n width"]:
        """What the tower's own forward gives, without the padding."""
        tower = self.tower
        end = tokens.argmax(-1)  # the end-of-text token is the largest there is
        length = int(end.max()) + 1
        x = tower.token_embedding(tokens[:, :length]) + tower.positional_embedding[:length]
        x = tower.transformer(x, attn_mask=tower.attn_mask[:length, :length])
        x = tower.ln_final(x[torch.arange(len(x), device=x.device), end])
        embedding: Tensor = x @ tower.text_projection
        return embedding
