"""CLIP's two towers, which are open_clip's, and prompts whose context is learned.

Shape letters: B images, C classes, M context vectors, L tokens, w the text tower's width, d the
width of the embedding that both towers share.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float, Int
from open_clip.model import CLIPTextCfg, CLIPVisionCfg, CustomTextCLIP
from open_clip.transformer import TextTransformer
from torch import Tensor, nn
from torch.nn import functional

from mfclip.data.prompts import ClipTokeniser
from mfclip.weights.clip import load_tower
from mfclip.weights.clip_names import Tower

CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
"""Mean and standard deviation of the images that CLIP was trained on."""
CLASSES = ("real", "fake")
"""In the order of the logits."""
Position = Literal["front", "middle", "end"]
"""Where the name of a class stands in its context."""


def towers(
    image_size: int,
    weights: Path | None = None,
    *,
    dim: int = 512,
    tower_width: int = 768,
    layers: int = 12,
    heads: int = 12,
    patch: int = 16,
    text_width: int = 512,
    text_layers: int = 12,
    text_heads: int = 8,
    activation: str = "quick-gelu",
    pretrained: Collection[Tower] = (),
) -> CustomTextCLIP:
    """Both towers, random or with the weights of a file.

    ``pretrained`` towers do not learn. Two compare at the temperature of 1 / 100 that CLIP's
    training ends with; others, which were not trained for each other, begin at CLIP's 0.07. They
    may be pretrained without a file, where a bundle is read back.

    Raises
    ------
    RecipeError
        Where the file does not hold the weights of those that are pretrained.
    """
    image = CLIPVisionCfg(layers, tower_width, tower_width // heads, 4.0, patch, image_size)
    text = CLIPTextCfg(width=text_width, heads=text_heads, layers=text_layers)
    made = CustomTextCLIP(dim, image, text, activation == "quick-gelu")
    halves: dict[Tower, nn.Module] = {"image": made.visual, "text": made.text}
    for which in pretrained:
        halves[which].requires_grad_(False)
        if weights is not None:
            load_tower(halves[which], weights, which)
    if len(pretrained) == len(halves):
        nn.init.constant_(made.logit_scale, math.log(100))
        made.logit_scale.requires_grad_(False)
    return made


def compared(
    images: Float[Tensor, "batch width"],
    texts: Float[Tensor, "*batch classes width"],
    scale: Float[Tensor, ""],
) -> Float[Tensor, "batch classes"]:
    """Cosine of each image with the texts, its own or those of all, over the temperature.

    ``scale`` is log(1 / temperature); as in CLIP no temperature is below 1 / 100. In float32, since
    neighbouring logits differ by less than bfloat16 can tell.
    """
    cosine = functional.cosine_similarity(images[:, None].float(), texts.float(), dim=-1)
    return cosine * scale.clamp(max=math.log(100)).exp()


class LearnedContext(nn.Module):
    """A sentence for each class: its name among M vectors that are learned (CoOp, Eq. 2).

    Parameters
    ----------
    position
        Of the name: before the context, between its halves, or behind it.
    own
        Whether each class has a context of its own.
    """

    tokens: Tensor
    slots: Tensor
    end: Tensor

    def __init__(
        self,
        names: Sequence[str],
        context: int,
        width: int,
        *,
        position: Position = "end",
        own: bool = False,
    ) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.empty(len(names) if own else 1, context, width))
        nn.init.normal_(self.vectors, std=0.02)
        rows = [_row(name, context, position) for name in names]
        length = max(len(row) for row in rows)
        filled = torch.tensor([row + [0] * (length - len(row)) for row in rows])  # (C, L)
        end = torch.tensor([len(row) - 1 for row in rows])
        self.register_buffer("tokens", filled.clamp(min=0), persistent=False)
        self.register_buffer("slots", (-filled).clamp(min=0), persistent=False)
        self.register_buffer("end", end, persistent=False)

    def forward(
        self, text: TextTransformer, vectors: Float[Tensor, "batch classes m w"] | None = None
    ) -> Float[Tensor, "batch classes d"]:
        """Embeddings of the sentences, not normalised; B is 1 unless ``vectors`` stand in for the
        learned ones, (B, C or 1, M, w).
        """
        context = self.vectors[None] if vectors is None else vectors
        words = text.token_embedding(self.tokens)  # (C, L, w)
        places = (self.slots - 1).clamp(min=0)[..., None].expand_as(words)
        shape = (len(context), *places.shape)
        context = context.expand(-1, len(words), -1, -1)
        filled = context.gather(2, places.expand(shape))  # (B, C, L, w)
        sentences = torch.where(self.slots[..., None] > 0, filled, words.to(filled.dtype))
        end = self.end.repeat(len(sentences))
        return encode(text, sentences.flatten(0, 1), end).view(*shape[:2], -1)


def _row(name: str, context: int, position: Position) -> list[int]:
    """A sentence: tokens as they are, and for context vector m, from 1, the number -m."""
    start, *inner, end = ClipTokeniser().tokens(name)
    stop = ClipTokeniser().tokens(".")[1:-1]
    before = {"front": 0, "middle": context // 2, "end": context}[position]
    vectors = [-m for m in range(1, context + 1)]
    return [start, *vectors[:before], *inner, *vectors[before:], *stop, end]


def encode(
    text: TextTransformer, words: Float[Tensor, "n length w"], end: Int[Tensor, " n"]
) -> Float[Tensor, "n d"]:
    """What the tower says of sentences given as vectors, read at their last token.

    It is causal, so it need not see what follows.
    """
    length = words.shape[1]
    x = words + text.positional_embedding[:length]
    x = text.transformer(x, attn_mask=text.attn_mask[:length, :length])
    x = text.ln_final(x[torch.arange(len(x), device=x.device), end])
    embedding: Tensor = x @ text.text_projection
    return embedding
