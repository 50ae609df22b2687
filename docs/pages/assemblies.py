"""The page of named assemblies, and TOML as the pages show it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

import tomli_w

from mfclip.recipe.registry import SHIPPED, Assembly, read_registry
from pages.markdown import code, link, page, prose, table


def write() -> str:
    """The page."""
    found = read_registry().assemblies
    rows = [
        (link(f"`{n}`", "assemblies.md", n), prose(a.summary), a.paper) for n, a in found.items()
    ]
    return page(
        "# Assemblies",
        'A recipe starts from one of these with `assembly = "mfclip"`, and its own tables are laid '
        f"over it: {link('the rules', 'recipe.md', 'How tables are laid over each other')}. "
        "A registry file of your own can add more (`--registry`).",
        table(("Name", "What it is", "Paper"), rows),
        *(block for assembly in found.values() for block in _assembly(assembly)),
    )


def toml(tree: Mapping[str, Any]) -> str:
    """Tables as TOML text: arrays of plain values on one line, arrays of tables under headers."""
    lists = {key: value for key, value in tree.items() if _holds_tables(value)}
    rest = {key: value for key, value in tree.items() if key not in lists}
    listed = [f"[[{key}]]\n{tomli_w.dumps(one)}" for key, value in lists.items() for one in value]
    text = "\n".join(filter(None, [tomli_w.dumps(rest), *listed]))
    text = re.sub(r"\[\n([^\[\]]*)\n\]", lambda m: f"[{_joined(m[1])}]", text)
    assert tomllib.loads(text) == tree
    return text


def _holds_tables(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _joined(lines: str) -> str:
    return " ".join(line.strip() for line in lines.splitlines()).rstrip(",")


def _assembly(assembly: Assembly) -> Iterator[str]:
    yield f"## {assembly.name}"
    yield prose(assembly.summary)
    if assembly.paper:
        yield f"Paper: {assembly.paper}."
    under = _extended(assembly.name)
    if under:
        yield f"Starts from {link(f'`{under}`', 'assemblies.md', under)}; all its tables:"
    yield code(toml(assembly.document.tree), "toml")


def _extended(name: str) -> str | None:
    written = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))["assemblies"][name]
    under: str | None = written.get("extends")
    return under
