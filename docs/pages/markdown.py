"""Pieces of Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

_ROLE = re.compile(r":\w+:`~?(?:[\w.]*\.)?(\w+)`")
_UNDERLINED = re.compile(r"^(\w+)\n-{3,}$", re.MULTILINE)
_SESSION = re.compile(r"^(?:(?:>>>|\.\.\.) .*\n?)+", re.MULTILINE)
_CODE = re.compile(r"(`+[^`]+`+)")


def prose(docstring: str | None) -> str:
    """A docstring as Markdown: roles become code, and what looks like a tag stays text."""
    text = inspect.cleandoc(docstring or "")
    text = _SESSION.sub(lambda lines: f"```pycon\n{lines[0].rstrip()}\n```\n", text)
    text = _UNDERLINED.sub(r"**\1**\n", _ROLE.sub(r"`\1`", text))
    return _outside_code(text.replace("``", "`"))


def first_line(docstring: str | None) -> str:
    """What a docstring says first."""
    return prose(docstring).partition("\n")[0]


def code(text: str, language: str = "") -> str:
    """A fenced block."""
    return f"```{language}\n{text.strip()}\n```"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; line breaks within cells become spaces."""
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def link(text: str, page: str, heading: str) -> str:
    """A link to a heading of a page of this folder."""
    return f"[{text}]({page}#{slug(heading)})"


def slug(heading: str) -> str:
    """The anchor that Markdown viewers give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def page(*blocks: str) -> str:
    """A whole page from its blocks, empty ones left out."""
    note = "<!-- Made by docs/generate.py from the program itself. Change that, not this. -->"
    return "\n\n".join([note, *filter(None, blocks)]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


def _outside_code(text: str) -> str:
    pieces = _CODE.split(text)
    return "".join(p if p.startswith("`") else p.replace("<", "&lt;") for p in pieces)
