"""What a detector gives and what its losses compare it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from mfclip.detector.protocols import Similarity
from mfclip.output_names import STANDARD

REAL, FAKE = 0, 1
"""Columns of the logits. Scores are always named ``p_fake``; these indices stay in here."""


@dataclass(frozen=True)
class Outputs:
    """One forward pass. B samples, d the shared width of vision and text."""

    logits: Float[Tensor, "batch 2"]
    """Columns real, fake."""
    visual: Float[Tensor, "batch width"] | None = None
    """X_v, before any normalisation."""
    text: Float[Tensor, "batch width"] | None = None
    """T_l, gathered to one row a sample; only while training."""
    predicted_text: Float[Tensor, "batch width"] | None = None
    """T_l^pre from the predictor; only while training."""
    similarity: Similarity | None = None
    """The alignment's two matrices; only while training."""
    extra: Mapping[str, Tensor] = field(default_factory=dict)
    """Whatever else a detector's own losses read, by the names of its ``gives``."""

    @property
    def named(self) -> Mapping[str, Tensor]:
        """Every tensor there is, by name."""
        own = {name: getattr(self, name) for name in STANDARD if name != "similarity"}
        return {**{name: value for name, value in own.items() if value is not None}, **self.extra}

    def get(self, name: str) -> object:
        """The output of that name, of its own field or in ``extra``; None where it is absent."""
        return getattr(self, name) if name in STANDARD else self.extra.get(name)


@dataclass(frozen=True)
class Targets:
    """The truth of one batch."""

    label: Int[Tensor, " batch"]
    """0 real, 1 fake."""
    prompt: Int[Tensor, " batch"]
    """Row of the prompt table for each sample."""
    named: Mapping[str, Any] = field(default_factory=dict)
    """What the losses read beside these, by the names of their ``reads``."""
