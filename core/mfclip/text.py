"""Text from elsewhere, made safe to show."""

from __future__ import annotations

import re

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
