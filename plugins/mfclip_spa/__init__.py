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
    from mfclip_spa.adapters.attaching import Attachment, attach, detach
    from mfclip_spa.adapters.for_open_clip import SpaClipLoss, SpaSigLipLoss
    from mfclip_spa.attention import InfoNCE, SamplePairAttention
    from mfclip_spa.contrastive import CrossModalLoss, contrastive_loss
    from mfclip_spa.gate import PairGate
    from mfclip_spa.loss import spa_loss
    from mfclip_spa.persistence import load_gate, save_gate
    from mfclip_spa.similarity import Similarity

__all__ = [
    "Attachment",
    "CrossModalLoss",
    "InfoNCE",
    "PairGate",
    "SamplePairAttention",
    "Similarity",
    "SpaClipLoss",
    "SpaSigLipLoss",
    "attach",
    "contrastive_loss",
    "detach",
    "load_gate",
    "save_gate",
    "spa_loss",
]

_HOMES = {
    "Attachment": "adapters.attaching",
    "CrossModalLoss": "contrastive",
    "InfoNCE": "attention",
    "PairGate": "gate",
    "SamplePairAttention": "attention",
    "Similarity": "similarity",
    "SpaClipLoss": "adapters.for_open_clip",
    "SpaSigLipLoss": "adapters.for_open_clip",
    "attach": "adapters.attaching",
    "contrastive_loss": "contrastive",
    "detach": "adapters.attaching",
    "load_gate": "persistence",
    "save_gate": "persistence",
    "spa_loss": "loss",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mfclip_spa' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"mfclip_spa.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
