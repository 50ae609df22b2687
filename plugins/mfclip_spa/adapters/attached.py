"""The gate of a model that it was attached to."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from mfclip_spa.gate import PairGate


class AttachedGate(PairGate):
    """A :class:`PairGate` that knows the texts its classes stand for.

    Args:
        prompts: Token ids of the K distinct texts, (K, length); in place of ``classes``.
        rest: As for :class:`PairGate`.

    Raises:
        ValueError: ``prompts`` is no matrix of integers, holds a text twice, or ``rest`` is wrong.
    """

    known: Tensor | None

    def __init__(
        self, max_batch: int | None = None, *, prompts: Tensor | None = None, **rest: Any
    ) -> None:
        classes = rest.pop("classes", None)
        if prompts is not None:
            classes = len(_checked(prompts))
        super().__init__(max_batch, classes=classes, **rest)
        self.register_buffer("known", prompts)

    def class_of(self, tokens: Tensor) -> Tensor:
        """(B, length), token ids -> (B,), the class of each text.

        Raises:
            ValueError: a text is none of the known ones.
        """
        if self.known is None:
            raise ValueError("this gate is not indexed by text; attach with prompts=…")
        known, given = _equally_long(self.known, tokens)
        # Token by token, because all at once would take (B, K, length) of memory.
        same = known.new_ones(len(given), len(known), dtype=torch.bool)
        for place in range(known.shape[1]):
            same &= given[:, place, None] == known[:, place]
        # torch.compile must not see a value read in Python.
        if not torch.compiler.is_compiling() and not bool(same.any(1).all()):
            row = int((~same.any(1)).nonzero()[0])
            raise ValueError(
                f"the text of pair {row} is none of the {len(known)} prompts that the gate was "
                "attached with; give all texts of the training, tokenised alike "
                "(padding='max_length' both times)"
            )
        return same.int().argmax(1)


def _checked(prompts: Tensor) -> Tensor:
    if prompts.ndim != 2 or prompts.is_floating_point():
        raise ValueError(
            "prompts must hold token ids, integers of shape (K, length); received "
            f"{prompts.dtype} of shape {tuple(prompts.shape)}"
        )
    if len(torch.unique(prompts, dim=0)) != len(prompts):
        raise ValueError("prompts must be distinct: one of the texts is in there twice")
    return prompts


def _equally_long(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Both padded at the right to one length, each row by its own last token."""
    length = max(one.shape[1], other.shape[1])
    return _padded(one, length), _padded(other, length)


def _padded(tokens: Tensor, length: int) -> Tensor:
    missing = length - tokens.shape[1]
    return torch.cat([tokens, tokens[:, -1:].expand(-1, missing)], 1) if missing else tokens
