"""Every part of a recipe with its dotted place, parts inside parts included."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from mfclip.parts import Part


def parts_of(table: BaseModel, path: str = "") -> Iterator[tuple[str, Part]]:
    """``("vision", Mve)``, ``("vision.image", Cvit)``, ``("loss.0", CrossEntropy)``, ..."""
    for name in type(table).model_fields:
        yield from _parts_in(getattr(table, name), f"{path}.{name}" if path else name)


def _parts_in(value: object, path: str) -> Iterator[tuple[str, Part]]:
    if isinstance(value, tuple):
        for place, item in enumerate(value):
            yield from _parts_in(item, f"{path}.{place}")
    elif isinstance(value, Part):
        yield path, value
        yield from parts_of(value, path)
