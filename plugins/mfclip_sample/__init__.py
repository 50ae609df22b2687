"""The embedded sample set: drawn faces, and drawn forgeries of them. All of it is synthetic.

It is made from a seed on first use, without a download, so that everything can be tried and
tested. It says nothing about how a detector does on real forgeries.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mfclip_sample.make import make_sample
    from mfclip_sample.place import sample_folder
    from mfclip_sample.plan import GENERATORS

__all__ = ["GENERATORS", "make_sample", "sample_folder"]

_MODULES = {"GENERATORS": "plan", "make_sample": "make", "sample_folder": "place"}


def __getattr__(name: str) -> Any:
    """Import what draws images only when it is asked for: the plugin itself stays light."""
    if name not in __all__:
        raise AttributeError(f"module 'mfclip_sample' has no attribute {name!r}")
    return getattr(import_module(f"mfclip_sample.{_MODULES[name]}"), name)
