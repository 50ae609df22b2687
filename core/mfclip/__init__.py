"""mfclip: a plugin-style, extensible face-forgery detector framework.

What plugin authors and users need is here by name; each loads on first use, so that importing
``mfclip`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mfclip.moved import follow_moves
from mfclip.version import __version__

if TYPE_CHECKING:
    from mfclip.hookspecs import hookimpl
    from mfclip.inference.loaded import load
    from mfclip.parts import (
        Alignment,
        BuildContext,
        Corruption,
        Dataset,
        Detector,
        ImageEncoder,
        Input,
        Loss,
        Misfit,
        Prompts,
        TextEncoder,
    )

__all__ = [
    "Alignment",
    "BuildContext",
    "Corruption",
    "Dataset",
    "Detector",
    "ImageEncoder",
    "Input",
    "Loss",
    "Misfit",
    "Prompts",
    "TextEncoder",
    "__version__",
    "hookimpl",
    "load",
]

_ELSEWHERE = {"hookimpl": "mfclip.hookspecs", "load": "mfclip.inference.loaded"}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'mfclip' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "mfclip.parts")), name)


follow_moves()
