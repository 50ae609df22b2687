"""The line of every key of a TOML text, which the standard library's parser does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left

from mfclip.recipe.places import KeyPath

_BLANK = re.compile(r"[ \t\r]*")
_BETWEEN = re.compile(r"(?:[\s,]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BARE_VALUE = re.compile(r"[^,\]}#\n]*")
# Multi-line forms first; up to two quotes may stand before the closing three.
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|'
    r"'''.*?'{3,5}|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'[^'\n]*'",
    re.DOTALL,
)


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line, from 1, of each table, key and list item of a text that ``tomllib`` accepts.

    A table that only a header such as ``[a.b]`` implies counts from that header.
    """
    return _Scanner(text).scan()


class _Scanner:
    """Reads just enough of TOML to know where keys stand."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.breaks = [at for at, character in enumerate(self.text) if character == "\n"]
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self.table: KeyPath = ()
        self.lengths: dict[KeyPath, int] = {}

    def scan(self) -> dict[KeyPath, int]:
        self._skip(_BETWEEN)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                self._header()
            else:
                self._pair(self.table)
            self._skip(_BETWEEN)
        return self.lines

    def _skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match[0]

    def _line(self, at: int) -> int:
        """The line, from 1, of a character."""
        return bisect_left(self.breaks, at) + 1

    def _record(self, path: KeyPath, at: int) -> None:
        line = self._line(at)
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _header(self) -> None:
        """``[a.b]`` or ``[[a.b]]``."""
        start = self.at
        brackets = 2 if self.text.startswith("[[", self.at) else 1
        self.at += brackets
        path = self._within_lists(self._keys())
        self.at += brackets
        if brackets == 2:
            self._record(path, start)
            position = self.lengths.get(path, 0)
            self.lengths[path] = position + 1
            path = (*path, position)
        self._record(path, start)
        # [a.b] before [a]: the table's own header is the better place.
        self.lines[path] = self._line(start)
        self.table = path

    def _within_lists(self, keys: list[str]) -> KeyPath:
        """The path of a header's keys: below an array of tables, its latest item is meant."""
        path: KeyPath = ()
        for index, key in enumerate(keys):
            path = (*path, key)
            if path in self.lengths and index < len(keys) - 1:
                path = (*path, self.lengths[path] - 1)
        return path

    def _keys(self) -> list[str]:
        """A dotted key, and the blanks after it."""
        keys = []
        while True:
            self._skip(_BLANK)
            quoted = self._skip(_STRING)
            keys.append(_unquoted(quoted) if quoted else self._skip(_BARE_KEY))
            self._skip(_BLANK)
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        path = (*table, *self._keys())
        self._record(path, start)
        self.at += 1
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip(_BLANK)
        if self.text.startswith("[", self.at):
            self._array(path)
        elif self.text.startswith("{", self.at):
            self._inline_table(path)
        elif not self._skip(_STRING):
            self._skip(_BARE_VALUE)

    def _array(self, path: KeyPath) -> None:
        position = 0
        self.at += 1
        self._skip(_BETWEEN)
        while self.text[self.at] != "]":
            item = (*path, position)
            self._record(item, self.at)
            self._value(item)
            position += 1
            self._skip(_BETWEEN)
        self.at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BETWEEN)
        while self.text[self.at] != "}":
            self._pair(path)
            self._skip(_BETWEEN)
        self.at += 1


def _unquoted(key: str) -> str:
    """A quoted key's name: escapes resolved."""
    return next(iter(tomllib.loads(f"{key} = 0")))
