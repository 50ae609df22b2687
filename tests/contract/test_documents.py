"""What the documents show works: code runs, recipes read, commands exist, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import sys
import textwrap
import types
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

from mfclip.cli.app import DEBUG_OPTION, build_tree, command_tree
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^ *```(\w*)\s*$")
WHOLE = {
    ROOT / f"docs/tutorial/{name}.md"
    for name in ("your-own-encoder", "a-photo", "a-service", "a-film-corpus")
}
"""Run from top to bottom, commands and all: tests/functional/test_tutorial.py, test_guides.py."""
MARK = re.compile(r"^ *<!-- (slow|not run: .+) -->\s*$")
EXCERPT = re.compile(r"# ((?:core|examples|plugins)/\S+\.(?:py|toml))\n")
"""The first line of a block that shows part of a file of this project."""
MACHINE_PATH = re.compile(r"(?<![\w.:~/<-])/(?:home|root|Users|tmp|mnt|media|srv|opt|work)/\S*")
REGISTRY = re.compile(
    r"https?://[^\s/]*\b(?:p[y]pi|p[y]thonhosted|np[m]js|artifactory|nexus|mirrors?|proxy|registry)\b"
    r"|--(?:extra-)?index-url|--find-links"
)


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    file: Path
    line: int
    language: str
    text: str
    mark: str

    @property
    def place(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line}"


def read_blocks(file: Path) -> list[Block]:
    """The fenced blocks of a document. ``line`` is that of the opening fence."""
    blocks: list[Block] = []
    mark, opened = "", None
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        fence = FENCE.match(line)
        if opened is not None and fence:
            start, language, lines = opened
            text = textwrap.dedent("\n".join(lines)) + "\n"
            blocks.append(Block(file, start, language, text, mark))
            mark, opened = "", None
        elif opened is not None:
            opened[2].append(line)
        elif fence:
            opened = (number, fence[1], [])
        elif line.strip():
            found = MARK.match(line)
            mark = found[1] if found else ""
    assert opened is None, f"{file}:{opened and opened[0]}: this block is never closed"
    return blocks


BLOCKS = [block for file in DOCUMENTS for block in read_blocks(file)]
ALONE = [b for b in BLOCKS if b.file not in WHOLE]
EXCERPTS = [block for block in BLOCKS if EXCERPT.match(block.text)]
PYTHON = [
    b
    for b in ALONE
    if b.language == "python" and not b.mark.startswith("not run") and b not in EXCERPTS
]
FAST = sorted({b.file for b in PYTHON if not b.mark})
SLOW = sorted({b.file for b in PYTHON if b.mark == "slow"})
RECIPES = [
    b
    for b in ALONE
    if b.language == "toml"
    and re.match(r"(?:\s*#.*\n|\s*\n)*recipe = ", b.text)
    and not b.mark.startswith("not run")
]
NOT_RUN = [b for b in BLOCKS if b.mark.startswith("not run")]


def short(file: Path) -> str:
    return str(file.relative_to(ROOT))


def run_blocks(blocks: list[Block], monkeypatch, folder: Path) -> None:
    """Run the blocks one after the other in one module; tracebacks show the document's lines."""
    module = types.ModuleType("documented")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.chdir(folder)
    for block in blocks:
        source = "\n" * block.line + block.text
        exec(compile(source, str(block.file), "exec"), vars(module))


def test_there_are_blocks_of_each_kind():
    found = f"{len(BLOCKS)} blocks, not run: {[b.place for b in NOT_RUN]}"
    assert len(DOCUMENTS) >= 7
    assert len(PYTHON) >= 1, found
    assert len(RECIPES) >= 2, found
    assert len(EXCERPTS) >= 10
    assert len(NOT_RUN) < len(PYTHON) + len(RECIPES), found


def test_marks_stand_where_they_have_an_effect():
    for block in BLOCKS:
        if block.mark:
            assert block.language in ("python", "toml", "console"), block.place
    stray = [
        short(file)
        for file in DOCUMENTS
        for count in [len(re.findall(r"^ *<!-- (?:slow|not run)", file.read_text("utf-8"), re.M))]
        if count != sum(bool(b.mark) for b in BLOCKS if b.file == file)
    ]
    assert stray == [], "marks without a block below them, or of another form"


@pytest.mark.parametrize("file", FAST, ids=short)
def test_python_blocks_run(file, monkeypatch, tmp_path):
    run_blocks([b for b in PYTHON if b.file == file and not b.mark], monkeypatch, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", SLOW, ids=short)
def test_python_blocks_run_with_the_slow_ones(file, monkeypatch, tmp_path):
    run_blocks([b for b in PYTHON if b.file == file], monkeypatch, tmp_path)


@pytest.mark.parametrize("block", RECIPES, ids=lambda block: block.place)
def test_a_recipe_is_right(block, tmp_path):
    file = tmp_path / "recipe.toml"
    file.write_text(block.text, encoding="utf-8")
    assert read_recipe(file, plugins=discover(), registry=read_registry())


@pytest.mark.parametrize("block", EXCERPTS, ids=lambda block: block.place)
def test_an_excerpt_is_what_its_file_says(block):
    named, _, text = block.text.partition("\n")
    shown = textwrap.dedent(text).rstrip("\n").splitlines()
    lines = (ROOT / named.removeprefix("# ")).read_text(encoding="utf-8").splitlines()
    slices = (lines[start : start + len(shown)] for start in range(len(lines)))
    assert any(textwrap.dedent("\n".join(part)).splitlines() == shown for part in slices)


def commands_shown(block: Block) -> list[list[str]]:
    """The words of every ``mfclip`` and ``mfclip-build`` in a block of terminal lines."""
    joined = block.text.replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in joined.splitlines()]
    return [
        shlex.split(line, comments=True) for line in lines if re.match(r"mfclip(-build)? ", line)
    ]


SHOWN = [
    (block, words)
    for block in BLOCKS
    if block.language in ("console", "bash", "sh", "shell") and not block.mark
    for words in commands_shown(block)
]


@pytest.mark.parametrize(("block", "words"), SHOWN, ids=lambda value: getattr(value, "place", ""))
def test_a_command_shown_exists_with_its_options(block, words):
    tree = get_command(command_tree() if words[0] == "mfclip" else build_tree())
    if words[0] == "mfclip" and not words[1].startswith("-"):
        assert words[1] in tree.commands, f"{block.place}: no command {words[1]}"
        tree = tree.commands[words[1]]
        if hasattr(tree, "commands") and not words[2].startswith("-"):
            assert words[2] in tree.commands, f"{block.place}: no command {' '.join(words[:3])}"
            tree = tree.commands[words[2]]
    known = {name for param in tree.params for name in param.opts} | {"--help", DEBUG_OPTION}
    given = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert given <= known, f"{block.place}: no option {given - known}"


def without_blocks(text: str) -> str:
    return re.sub(r"^ *```.*?^ *```\s*$", "", text, flags=re.M | re.S)


def anchors(file: Path) -> set[str]:
    """The anchors that Markdown viewers give a document's headings."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", without_blocks(file.read_text("utf-8")), re.M):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found[anchor] = found.get(anchor, -1) + 1
    return set(found) | {f"{a}-{n}" for a, last in found.items() for n in range(1, last + 1)}


@pytest.mark.parametrize("file", DOCUMENTS, ids=short)
def test_links_lead_somewhere(file):
    text = without_blocks(file.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        linked = (file.parent / path).resolve() if path else file
        assert linked.exists(), f"{short(file)}: {target}"
        assert linked.is_relative_to(ROOT), f"{short(file)}: {target}"
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{short(file)}: {target}"


@pytest.mark.parametrize("file", DOCUMENTS, ids=short)
def test_nothing_of_one_machine_is_named(file):
    text = file.read_text(encoding="utf-8")
    assert MACHINE_PATH.findall(text) == []
    assert REGISTRY.findall(text) == []


def test_the_search_finds_machine_paths_and_registries():
    assert MACHINE_PATH.search("see /home/ann/faces.csv")
    assert not MACHINE_PATH.search("see docs/work/x, ~/tmp/x and runs/mfclip")
    assert REGISTRY.search("https://mirror.example.org/simple")
    assert REGISTRY.search("pip install --index-url x")
    assert not REGISTRY.search("https://semver.org and mfclip --registry mine.toml")
