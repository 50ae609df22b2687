"""Sample pair attention (SPA) for any vision-language code. Needs torch and nothing else.

>>> import torch
>>> from mfclip_spa import SamplePairAttention, contrastive_loss
>>> spa = SamplePairAttention(max_batch=24)
>>> loss = contrastive_loss(spa(torch.randn(8, 512), torch.randn(8, 512)))

Names load on first use, so that declaring the framework's parts in :mod:`mfclip_spa.plugin`
does not load torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfclip_spa.attention import InfoNCE, SamplePairAttention
    from mfclip_spa.contrastive import CrossModalLoss, contrastive_loss
    from mfclip_spa.similarity import Similarity

__all__ = [
    "CrossModalLoss",
    "InfoNCE",
    "SamplePairAttention",
    "Similarity",
    "contrastive_loss",
]

_HOMES = {
    "InfoNCE": "attention",
    "SamplePairAttention": "attention",
    "CrossModalLoss": "contrastive",
    "contrastive_loss": "contrastive",
    "Similarity": "similarity",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mfclip_spa' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mfclip_spa.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
