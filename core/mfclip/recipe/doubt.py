"""Values that nobody knows yet because something else is wrong: no check may come to rest on them.

A recipe's mistakes are told at once, and a mistake never twice. A part with a misspelt key is
still checked, with the field that the key may have meant put in doubt: whoever looks at the value
of that field, to compare, count or show it, ends with :class:`InDoubt`, and what it would have said
is left unsaid. What it says without looking is true whatever the value will be.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel

from mfclip.text import nearest

Model = TypeVar("Model", bound=BaseModel)


class InDoubt(Exception):  # no error of anybody's
    """Somebody looked at a value in doubt."""


class _Unknown:
    """A value in doubt. Anything that looks at it raises :class:`InDoubt`."""

    def __repr__(self) -> str:
        return "(in doubt)"


def _look(self: object, *_: object, **__: object) -> NoReturn:
    raise InDoubt


_LOOKS = (
    "bool eq ne lt le gt ge hash str format len iter contains getitem call int float index fspath "
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow neg abs "
    "and rand or ror divmod rdivmod round getattr"
)
for _name in _LOOKS.split():
    setattr(_Unknown, f"__{_name}__", _look)

UNKNOWN: Any = _Unknown()
"""Stands in the place of every value in doubt."""


def meant_by(key: str, fields: Collection[str], given: Collection[str]) -> set[str]:
    """Fields whose value is in doubt because somebody wrote ``key``, which is none of them.

    The nearest one, unless it is given too; where none is near, every field that is not given.
    """
    near = nearest(key, fields)
    return {near} - {*given} if near is not None else set(fields) - {*given}


def masked(model: Model, fields: Iterable[str]) -> Model:
    """The model with these fields in doubt. ``use``, the name of a part, never is."""
    return model.model_copy(update=dict.fromkeys(set(fields) - {"use"}, UNKNOWN))


def is_in_doubt(
    path: tuple[str | int, ...], doubts: Mapping[tuple[str | int, ...], object]
) -> bool:
    """Whether anything in the part or table at ``path`` is."""
    return any(place[: len(path)] == path for place in doubts)


def names_any(message: str, fields: Collection[str]) -> bool:
    """Whether a message is about one of the fields."""
    return not {*fields}.isdisjoint(re.findall(r"\w+", message))
