"""The contrastive loss straight from embeddings: in blocks, and over several processes."""

from __future__ import annotations

from torch import Tensor

from mfclip_spa.attention import InfoNCE, SamplePairAttention
from mfclip_spa.blocks import Direction
from mfclip_spa.contrastive import contrastive_loss
from mfclip_spa.gate import PairGate
from mfclip_spa.gather import gather_rows, world
from mfclip_spa.pairs import Side
from mfclip_spa.similarity import no_autocast, unit_pairs


def spa_loss(
    visual: Tensor,
    text: Tensor,
    attention: SamplePairAttention | InfoNCE,
    prompt: Tensor | None = None,
    *,
    chunk: int | None = None,
    gather: bool = False,
) -> Tensor:
    """L_cmc of Eq. 11-12 for B pairs of embeddings, a scalar.

    The same number as ``contrastive_loss(attention(visual, text, prompt))``; in blocks it takes
    less memory and more time, and over several processes it is the loss of the global batch.

    Args:
        visual: X_v, (B, d). Need not be normalised.
        text: T_l, (B, d), row i the text of image i.
        attention: The gate and the temperature; :class:`InfoNCE` for the plain loss.
        prompt: Prompt class of each pair, (B,), integers; only for ``classes``.
        chunk: Compute so many rows at a time, and again in the backward pass. Without it: all.
        gather: Compare with the texts and images of all processes. Each process gets the loss of
            its own rows: their mean is the loss of the global batch, and the gradients that DDP
            averages are its gradients. Every process must bring the same B.

    Raises:
        ValueError: shapes that do not fit, or a batch larger than ``max_batch``.
    """
    if chunk is None and not gather:
        return contrastive_loss(attention(visual, text, prompt))  # one product for both directions
    gate = attention if isinstance(attention, PairGate) else None
    with no_autocast(visual.device):
        unit, caption = unit_pairs(visual, text)
        start = world()[0] * len(unit) if gather else 0
        image, words = Side("image", unit, prompt, start), Side("text", caption, prompt, start)
        images, texts = (_everywhere(image), _everywhere(words)) if gather else (image, words)
        scale = attention.temperature()
        v2l = Direction(image, texts, scale, gate).loss(chunk)
        return (v2l + Direction(words, images, scale, gate).loss(chunk)) / 2


def _everywhere(side: Side) -> Side:
    """The samples of all processes."""
    prompt = None if side.prompt is None else gather_rows(side.prompt)
    return Side(side.role, gather_rows(side.features), prompt)
