"""Names of what a detector gives its losses: five that everybody knows, and a plugin's own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

STANDARD = ("logits", "visual", "text", "predicted_text", "similarity")
"""Fields of :class:`mfclip.detector.outputs.Outputs`. Every other output is in its ``extra``."""
Shape = tuple[str | int, ...]
"""Of an output: numbers, or words out of :data:`AXES`."""
AXES = ("batch", "width")
"""Words that have a meaning in a shape: samples, and the width of the embeddings."""
_NAME = re.compile(r"([a-z][a-z0-9]*([-_][a-z0-9]+)*\.)?[a-z][a-z0-9]*([-_][a-z0-9]+)*")
_TYPO = 0.8
"""Likeness (0-1) from which a name without a prefix is a standard one, misspelt."""


def is_output_name(name: object) -> bool:
    """Whether an output may have this name, such as ``visual``, ``noise_map`` or ``acme.map``.

    Lower case, words joined by ``-`` or ``_``, with or without one prefix and a dot. A name
    without a prefix that is nearly a standard one is taken for a mistake.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        return False
    return name in STANDARD or "." in name or not get_close_matches(name, STANDARD, 1, _TYPO)


def are_outputs(value: object) -> bool:
    """Whether it can be a part's ``needs`` or ``gives``."""
    return isinstance(value, frozenset) and all(map(is_output_name, value))


def are_shapes(value: object) -> bool:
    """Whether it can be a part's ``shapes``: sizes, at least one of each output of its own."""
    return isinstance(value, Mapping) and all(
        is_output_name(name)
        and name not in STANDARD
        and isinstance(shape, tuple)
        and shape
        and all(map(_is_size, shape))
        for name, shape in value.items()
    )


def _is_size(size: object) -> bool:
    return size.isidentifier() if isinstance(size, str) else type(size) is int and size > 0
