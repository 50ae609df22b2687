"""mfclip: a plugin-style, extensible face-forgery detector framework."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfclip.hookspecs import hookimpl
    from mfclip.inference.loaded import load

__version__ = "0.1.0"
__all__ = ["__version__", "hookimpl", "load"]


def __getattr__(name: str) -> Any:
    """Give ``mfclip.load`` and ``mfclip.hookimpl`` without making every import pay for them."""
    if name == "load":
        from mfclip.inference.loaded import load

        return load
    if name == "hookimpl":
        from mfclip.hookspecs import hookimpl

        return hookimpl
    raise AttributeError(f"module 'mfclip' has no attribute {name!r}")
