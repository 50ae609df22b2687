"""Entry points of installed distributions, read so that a damaged one harms no other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """One line of an ``entry_points.txt`` and who wrote it."""

    name: str
    value: str
    """``package.module`` or ``package.module:attribute``."""
    distribution: str
    version: str
    requires: tuple[str, ...] = ()
    """What the distribution needs, one ``Requires-Dist`` each, as written."""

    def load(self) -> Any:
        """Import the object; whatever its module raises comes through."""
        return metadata.EntryPoint(self.name, self.value, "").load()

    @property
    def package(self) -> str:
        """The top-level package that it points into."""
        return re.split(r"[.:\s]", self.value, maxsplit=1)[0]


def normalise(distribution: str) -> str:
    """The form in which package indexes compare names: lower case, one dash."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


def find_entry_points(group: str) -> tuple[list[EntryPoint], list[tuple[EntryPoint, str]]]:
    """Entry points of a group, and (placeholder, reason) for distributions that cannot be read.

    ``importlib.metadata.entry_points`` reads all distributions in one go, so that one malformed
    file would hide every plugin.
    """
    points: list[EntryPoint] = []
    unreadable: list[tuple[EntryPoint, str]] = []
    seen: set[str] = set()
    for distribution in metadata.distributions():
        try:
            found = list(_points(distribution, group))
        except Exception as error:
            reason = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"
            unreadable.append((_placeholder(distribution), reason))
            continue
        # The first on sys.path is the one that gets imported.
        key = normalise(found[0].distribution) if found else ""
        if key not in seen:
            points += found
        seen |= {key} if found else set()
    return points, unreadable


def _points(distribution: metadata.Distribution, group: str) -> Iterator[EntryPoint]:
    # Most distributions have nothing to do with us: parsing their metadata would cost most of
    # the time.
    if f"[{group}]" not in (distribution.read_text("entry_points.txt") or ""):
        return
    name, version, requires = _facts(distribution)
    for point in distribution.entry_points:
        if point.group == group:
            yield EntryPoint(point.name, point.value, name, version, requires)


def _facts(distribution: metadata.Distribution) -> tuple[str, str, tuple[str, ...]]:
    """Name, version and needs, read by hand: a mail parser takes ten times as long."""
    text = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
    fields: dict[str, list[str]] = {}
    for line in text.partition("\n\n")[0].splitlines():  # then comes the README
        name, _, value = line.partition(":")
        fields.setdefault(name.lower(), []).append(value.strip())
    names, versions = fields.get("name", ["unknown"]), fields.get("version", ["?"])
    return names[0], versions[0], tuple(fields.get("requires-dist", ()))


def _placeholder(distribution: metadata.Distribution) -> EntryPoint:
    try:
        name, version, _ = _facts(distribution)
    except Exception:
        name, version = "unknown", "?"
    return EntryPoint(name, "", name, version)
