"""Scoring past one machine, on Ray: ``mfclip[ray]``.

:func:`score` adds a detector to a Ray Data pipeline; :func:`write_scores` is what ``mfclip score
--engine ray`` runs: partitions of Parquet in which every input has its row once, after any crash.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfclip.scale.dataset import score
    from mfclip.scale.run import Outcome, write_scores
    from mfclip.scale.work import How

__all__ = ["How", "Outcome", "score", "write_scores"]

_HOMES = {
    "How": "mfclip.scale.work",
    "Outcome": "mfclip.scale.run",
    "score": "mfclip.scale.dataset",
    "write_scores": "mfclip.scale.run",
}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'mfclip.scale' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
