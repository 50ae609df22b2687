"""The packages of each format, loaded where they are used, with the extra that brings them."""

from __future__ import annotations

from functools import cache
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


@cache
def openvino_core() -> Any:
    """OpenVINO's ``Core``, the only one of this process, never given up.

    Each brings an alternative signal stack for its thread, and a core that goes puts the stack back
    that it found: with two that do not go in the reverse order of their coming, memory that is no
    longer there. The next signal, such as that of a decoding process that ends, then ends this one.

    Raises :class:`mfclip.errors.MissingExtraError` without openvino.
    """
    (openvino,) = needed("openvino", "an OpenVINO model", "openvino")
    return openvino.Core()
