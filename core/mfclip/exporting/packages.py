"""The packages of each format, loaded where they are used, with the extra that brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mfclip.errors import MissingExtraError


def needed(extra: str, what: str, *names: str) -> list[Any]:
    """The modules of these names.

    Raises :class:`mfclip.errors.MissingExtraError` naming ``extra`` where one is not installed.
    """
    try:
        return [import_module(name) for name in names]
    except ImportError as error:
        raise MissingExtraError(what, extra) from error
