"""Which plugins fit this version of mfclip, and what they use that will go away."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mfclip import hookspecs, parts
from mfclip.parts import Part
from mfclip.version import __version__

MARK = "MFCLIP_HOOKS"
"""Name in a plugin for the version of the hooks that it was written for."""
_NEEDS_US = re.compile(r"\s*mfclip(?![-\w.])", re.IGNORECASE)
_CLAUSE = re.compile(r"(>=|<)\s*([\d.]+)")
_PLAIN = re.compile(r"\s*mfclip\s*((>=|<)\s*\d+(\.\d+)*\s*,?\s*)*", re.IGNORECASE)
"""A requirement that needs no library to be read: lower and upper bounds, plain numbers."""


def requirement_problem(requires: Iterable[str]) -> str | None:
    """Why a distribution cannot work with the installed mfclip by its own ``Requires-Dist``.

    Known before anything of it is imported. Requirements of its extras do not count.
    """
    problems = (_unmet(line) for line in requires if _NEEDS_US.match(line))
    return next(filter(None, problems), None)


def _unmet(line: str) -> str | None:
    plain = _PLAIN.fullmatch(line) and re.fullmatch(r"\d+(\.\d+)*", __version__)
    if plain and all(map(_holds, _CLAUSE.findall(line))):
        return None  # most are such, and importing packaging takes tens of milliseconds
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        needed = Requirement(line)
    except InvalidRequirement:
        return f"its requirement '{line}' cannot be read"
    if needed.marker and not needed.marker.evaluate({"extra": ""}):
        return None
    if needed.specifier.contains(__version__, prereleases=True):
        return None
    return f"it needs mfclip{needed.specifier}, and mfclip {__version__} is installed"


def _holds(clause: tuple[str, str]) -> bool:
    """Whether a plain comparison such as ``>=0.1`` is true of the installed version."""
    relation, wanted = clause
    ours, theirs = (_release(text) for text in (__version__, wanted))
    return ours >= theirs if relation == ">=" else ours < theirs


def _release(version: str) -> tuple[int, ...]:
    """The numbers of a plain version, zeros at the end left out: 1.0 equals 1."""
    numbers = [int(number) for number in version.split(".")]
    while numbers and not numbers[-1]:
        numbers.pop()
    return tuple(numbers)


def stated_version(plugin: object) -> int | None:
    """The version of the hooks that a plugin says it was written for; None without a number."""
    stated = getattr(plugin, MARK, None)
    return stated if type(stated) is int else None


def version_problem(plugin: object) -> str | None:
    """Why a plugin is for other hooks than the ones here; None where it is not."""
    stated = getattr(plugin, MARK, hookspecs.VERSION)
    if type(stated) is not int:
        return f"{MARK} is {stated!r}; it should be a whole number, such as {hookspecs.VERSION}"
    if stated == hookspecs.VERSION:
        return None
    return (
        f"it is written for version {stated} of the hooks, and mfclip {__version__} has "
        f"version {hookspecs.VERSION}"
    )


class Deprecation(NamedTuple):
    """One use of something that will go away."""

    text: str
    """What is used, and what to write instead."""
    file: str
    """The plugin's own file."""
    line: int
    """Where in it; counts from 1."""

    def __str__(self) -> str:
        return f"{self.text} ({Path(self.file).name}:{self.line})"

    def warn(self) -> None:
        """A DeprecationWarning at that line, as a plugin's own tests show it."""
        warnings.warn_explicit(self.text, DeprecationWarning, self.file, self.line)


def deprecated_hooks(hook: str, function: Any, arguments: Iterable[str]) -> Iterator[Deprecation]:
    """Whether an implementation's hook, or an argument that it asks for, will go away."""
    for key in (hook, *(f"{hook}({name})" for name in arguments)):
        if key in hookspecs.DEPRECATED:
            code = inspect.unwrap(function).__code__
            text = f"{key} is deprecated: {hookspecs.DEPRECATED[key]}"
            yield Deprecation(text, code.co_filename, code.co_firstlineno)


def deprecated_attributes(schema: type[Part]) -> Iterator[Deprecation]:
    """Attributes that a part's class sets although its base will lose them."""
    for key, advice in hookspecs.DEPRECATED.items():
        base, _, attribute = key.partition(".")
        if attribute and issubclass(schema, getattr(parts, base)):
            for owner in schema.__mro__:
                if owner.__module__ != parts.__name__ and attribute in _declared(owner):
                    text = f"{key} is deprecated, and {owner.__name__} sets it: {advice}"
                    yield Deprecation(text, *_place(owner))


def _declared(owner: type) -> Mapping[str, object]:
    return {**inspect.get_annotations(owner), **vars(owner)}


def _place(owner: type) -> tuple[str, int]:
    """File and line of a class; line 1 where its source is not there."""
    try:
        return str(inspect.getsourcefile(owner)), inspect.getsourcelines(owner)[1]
    except (OSError, TypeError):
        return owner.__module__, 1
