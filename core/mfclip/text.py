"""Text from elsewhere, made safe to show."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def printable(text: str) -> str:
    """The text with control, direction and other invisible characters written as escapes.

    A recipe or a bundle comes from somebody else; without this, a key of it could move a
    terminal's cursor, colour its text or turn its direction.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def markdown(text: str) -> str:
    """The text on one line, with everything that Markdown or HTML would act on made plain."""
    return _MARKDOWN.sub(r"\\\1", printable(" ".join(text.split())))


def nearest(word: str, names: Iterable[str]) -> str | None:
    """The name most like ``word``, if any is like it; case does not count."""
    by_folded = {name.casefold(): name for name in names}
    found = get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """``"; did you mean 'x'?"``, or nothing where no name is near."""
    name = nearest(word, names)
    return f"; did you mean '{name}'?" if name is not None else ""


def counted(number: int, noun: str) -> str:
    """``1 image``, ``2,400 images``; for nouns that take an s. ``real`` becomes ``reals``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def aligned(rows: Sequence[Sequence[str]], *, right: bool = False) -> list[list[str]]:
    """The cells of a table, each as wide as its column; the last column to the right, or not."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in rows]
    if right:
        for cells, row in zip(padded, rows, strict=True):
            cells[-1] = row[-1].rjust(widths[-1])
    return padded


def table_row(cells: Iterable[str]) -> str:
    """One line of a Markdown table; bars inside the cells are escaped by now."""
    return f"| {' | '.join(cells)} |"


def numbered(names: Iterable[str]) -> list[str]:
    """The names, each its own: the second ``x`` becomes ``x#2``, the third ``x#3``."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        seen[name] += 1
        found.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return found


def differences(then: Mapping[str, object], now: Mapping[str, object]) -> str:
    """A line for each name whose value is another now, or only in one of the two; else empty."""
    return "\n".join(
        f"  {name}: {then.get(name)!r} then, {now.get(name)!r} now"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    )
