"""The tutorial for plugin authors, followed to the letter in an environment of its own.

A block whose first line is ``# FILE`` is about that file of the package: a ``diff`` is applied to
it, any other block must be found in it, and becomes it where there is no such file yet. Commands
are run, and must print what is shown, see ``following.py``.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

from .following import commands, pattern, plain

DOCUMENT = Path(__file__).parents[2] / "docs/tutorial/your-own-encoder.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
ELSEWHERE = ("PYTHONPATH", "MFCLIP_CACHE", "XDG_CACHE_HOME")
"""Variables that would change what is found and where; the document reckons with none of them."""
COMMAND = "import sys; from mfclip.cli import {main}; sys.exit({main}())"


@pytest.fixture
def binaries(tmp_path: Path) -> Path:
    """Programs of a fresh environment that sees all packages of this one and may be changed."""
    place = tmp_path / "venv"
    venv.EnvBuilder(symlinks=True).create(place)
    programs = place / "bin"
    ours = sysconfig.get_path("purelib")
    (site_of(place) / "ours.pth").write_text(f"import site; site.addsitedir({ours!r})\n")
    for name, main in (("mfclip", "main"), ("mfclip-build", "build_main")):
        script = programs / name
        script.write_text(f"#!{programs / 'python'}\n{COMMAND.format(main=main)}\n")
        script.chmod(0o755)
    (programs / "ruff").symlink_to(Path(sys.executable).with_name("ruff"))
    return programs


class Reader:
    """Somebody who does what the document says."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self.programs = folder, programs
        self.done: list[str] = []

    def follow(self, language: str, text: str) -> None:
        if language == "console":
            for command, shown in commands(text):
                self.run(command, shown)
            return
        first, _, body = text.partition("\n")
        file = self.folder / first.removeprefix("# ")
        if language == "diff":
            self.apply(file, body)
        elif file.exists():
            assert body in file.read_text(encoding="utf-8"), f"not in {file.name}:\n{body}"
        else:
            file.write_text(text, encoding="utf-8")
        self.done.append(language)

    def apply(self, file: Path, body: str) -> None:
        """Replace the lines before by the lines after; they must be there exactly once."""
        lines = body.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{text.count(before)} times in {file.name}:\n{before}"
        file.write_text(text.replace(before, after), encoding="utf-8")

    def run(self, command: str, shown: str) -> None:
        words = [str(Path(w).expanduser()) if w[:2] == "~/" else w for w in shlex.split(command)]
        self.done.append(command)
        if words[0] == "cd":
            self.folder /= words[1]
            return
        if words[1:] == ["-m", "pip", "install", "-e", ".[test]"]:
            self.install()
            return
        words[0] = str(self.programs / words[0])
        environment = {k: v for k, v in os.environ.items() if k not in ELSEWHERE}
        done = subprocess.run(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=environment,
        )
        told = f"$ {command}\n{done.stdout}"
        assert (done.returncode != 0) == shown.startswith("error: "), told
        assert pattern(shown).fullmatch(plain(done.stdout)), (
            f"{told}\nis not what is shown:\n{shown}"
        )

    def install(self) -> None:
        """What pip does once it has everything that the package needs: unpack an editable wheel."""
        (built,) = WheelBuilder(str(self.folder)).build(
            directory=str(self.folder / "dist"), versions=["editable"]
        )
        zipfile.ZipFile(built).extractall(site_of(self.programs.parent))


def site_of(environment: Path) -> Path:
    """Where an environment keeps its packages."""
    return next(environment.glob("lib/*/site-packages"))


@pytest.mark.slow
def test_every_block_of_the_tutorial_holds(tmp_path: Path, binaries: Path) -> None:
    reader = Reader(tmp_path, binaries)
    for language, text in BLOCK.findall(DOCUMENT.read_text(encoding="utf-8")):
        reader.follow(language, text)
    assert reader.done.count("diff") >= 5
    assert "python -m pytest" in reader.done
    assert sum(command.startswith("mfclip-build") for command in reader.done) >= 2
    assert sum(command.startswith("mfclip score") for command in reader.done) == 1


@pytest.mark.parametrize(
    ("shown", "output", "same"),
    [
        ("a\n", "a\n", True),
        ("a\n", "a\nb\n", False),
        ("…\nb\n", "x\ny\nb\n", True),
        ("…\nb\n…\n", "b\n", True),
        ("a … c\n", "a b c\n", True),
        ("AUC 0.71 (12 s)\n", "AUC  0.69 (3 s)\n", True),
        ("AUC 0.71\n", "ACC 0.71\n", False),
        ("12 tests\n", "13 tests\n", False),
        (" 0.61  fake  0.52  ok\n", " 0.62  real  0.63  ok\n", True),
        (" 0.61  fake  0.52  ok\n", " 0.62  none  0.63  ok\n", False),
    ],
)
def test_an_output_is_compared_line_by_line(shown: str, output: str, same: bool) -> None:
    assert bool(pattern(shown).fullmatch(plain(output))) == same


def test_a_change_that_does_not_apply_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("one\ntwo\n")
    reader = Reader(tmp_path, tmp_path)
    reader.follow("diff", "# a.py\n one\n-two\n+three\n")
    assert (tmp_path / "a.py").read_text() == "one\nthree\n"
    with pytest.raises(AssertionError, match=r"0 times in a\.py"):
        reader.follow("diff", "# a.py\n-two\n+three\n")
    with pytest.raises(AssertionError, match=r"not in a\.py"):
        reader.follow("python", "# a.py\nfour\n")
