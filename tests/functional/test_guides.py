"""The tutorials for users, followed from top to bottom in an empty folder.

Commands are run and must print what is shown, see ``following.py``; Python runs in one namespace; a
table of TOML whose first line is ``# FILE`` becomes that file. ``mfclip serve`` runs until the next
one, or the end; its port is a free one in place of the one that is shown. Where a document takes a
bundle for granted, it is the golden one.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .following import commands, pattern, plain
from .served import BUNDLE, Served, served

TUTORIALS = Path(__file__).parents[2] / "docs/tutorial"
BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\w+)\n(.*?)^```$", re.M | re.S)
SHOWN_PORT = "127.0.0.1:8000"
SLOW_PLUGIN = re.compile(r"^warning: plugin .* takes .* s to load.*\n", re.M)
"""A remark of a busy machine."""
COMMAND_LIMIT = 600  # seconds


class Reader:
    """Somebody who does what a document says."""

    def __init__(self, folder: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.stack = folder, stack
        self.service: Served | None = None
        self.done: list[str] = []
        self._module = types.ModuleType("tutorial")
        monkeypatch.setitem(sys.modules, self._module.__name__, self._module)
        monkeypatch.chdir(folder)
        programs = Path(sys.executable).parent
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def follow(self, document: Path) -> None:
        """Every block that is not marked."""
        text = document.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            mark, language, body = found.groups()
            if mark is None:
                line = text.count("\n", 0, found.start(3))
                getattr(self, f"_{language}")(body, document, line)

    def _console(self, body: str, document: Path, line: int) -> None:
        for command, shown in commands(body):
            self.done.append(command)
            if command.startswith("mfclip serve "):
                self._serve(shlex.split(command, comments=True)[2:])
            elif not command.startswith("pip install "):
                self._run(command, shown)

    def _python(self, body: str, document: Path, line: int) -> None:
        code = compile("\n" * line + self._here(body), str(document), "exec")
        exec(code, vars(self._module))
        self.done.append("python")

    def _toml(self, body: str, document: Path, line: int) -> None:
        first, _, _ = body.partition("\n")
        (self.folder / first.removeprefix("# ")).write_text(body, encoding="utf-8")

    def _serve(self, words: list[str]) -> None:
        self.stack.close()  # the one before ends
        self.service = self.stack.enter_context(
            served(self.folder, *words[1:], bundle=Path(words[0]))
        )

    def _run(self, command: str, shown: str) -> None:
        done = subprocess.run(
            ["/bin/bash", "-c", self._here(command)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            timeout=COMMAND_LIMIT,
        )
        told = f"$ {command}\n{done.stdout}"
        assert (done.returncode != 0) == bool(re.search("^error: ", shown, re.M)), told
        output = SLOW_PLUGIN.sub("", done.stdout)
        assert pattern(shown).fullmatch(plain(output)), f"{told}\nis not what is shown:\n{shown}"

    def _here(self, text: str) -> str:
        """With the port of the service."""
        if self.service is None:
            return text
        return text.replace(SHOWN_PORT, f"127.0.0.1:{self.service.port}")


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """In an empty folder, but for ``runs/mfclip``."""
    shutil.copytree(BUNDLE, tmp_path / "runs/mfclip")
    with ExitStack() as stack:
        yield Reader(tmp_path, stack, monkeypatch)


def test_a_photo(reader: Reader) -> None:
    reader.follow(TUTORIALS / "a-photo.md")
    assert sum(command.startswith("mfclip ") for command in reader.done) >= 2
    assert (reader.folder / "explanation/explain.html").is_file()
    kept = json.loads((reader.folder / "report.json").read_text())
    assert kept["sha256"] == hashlib.sha256((reader.folder / "face-1.png").read_bytes()).hexdigest()
    assert kept["p_fake"] is not None


def test_a_service(reader: Reader) -> None:
    reader.follow(TUTORIALS / "a-service.md")
    assert sum(command.startswith("mfclip serve ") for command in reader.done) == 2
    assert reader.done.count("python") >= 6


@pytest.mark.slow
def test_a_film_corpus(reader: Reader) -> None:
    reader.follow(TUTORIALS / "a-film-corpus.md")
    assert sum(command.startswith("mfclip ") for command in reader.done) >= 8
    assert (reader.folder / "runs/left-out/tables/leave-one-out/index.html").is_file()


@pytest.mark.parametrize("shown", ["b\n", "error: a\n"])
def test_what_does_not_hold_is_noticed(reader: Reader, shown: str) -> None:
    document = reader.folder / "a.md"
    document.write_text(f"```console\n$ echo a\n{shown}```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="echo a"):
        reader.follow(document)


def test_marked_blocks_are_left_out_and_no_others(reader: Reader) -> None:
    document = reader.folder / "a.md"
    block = "```python\nseen = {number}\nprint(seen)\n```\n"
    marks = ("", "<!-- not run: why -->\n", "", "<!-- not run: why -->\n")
    text = "\n".join(mark + block.format(number=n) for n, mark in enumerate(marks))
    document.write_text(text, encoding="utf-8")
    reader.follow(document)
    assert reader.done == ["python", "python"]
