"""Handing a part what it reads beside the images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from mfclip.reads import keyword


def select(given: Mapping[str, Any], reads: Iterable[str]) -> dict[str, Any]:
    """The keyword arguments of a forward: those of ``reads`` that are there.

    ``given`` is by keyword already, or by name; see :func:`mfclip.reads.keyword`.
    """
    if not reads or not given:
        return {}
    by_keyword = {keyword(name): value for name, value in given.items()}
    return {key: by_keyword[key] for key in map(keyword, sorted(reads)) if key in by_keyword}
