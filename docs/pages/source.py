"""Classes and functions as their source declares them, without importing it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import mfclip
from pages.markdown import prose

CORE = Path(mfclip.__file__).parent


def parse(path: str) -> ast.Module:
    """The source of a file of the core, or of another one by its absolute path."""
    return ast.parse((CORE / path).read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Member:
    """An attribute or method of a class."""

    declaration: str
    doc: str


@dataclass(frozen=True, slots=True)
class ClassSource:
    """A public class."""

    name: str
    bases: tuple[str, ...]
    doc: str
    members: tuple[Member, ...]

    def listed(self) -> str:
        """The members as a list."""
        return "\n".join(f"* `{m.declaration}`: {' '.join(m.doc.split())}" for m in self.members)


def classes(tree: ast.Module) -> list[ClassSource]:
    """The public classes of a file, in its order."""
    nodes = [n for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
    return [
        ClassSource(
            node.name,
            tuple(map(ast.unparse, node.bases)),
            prose(ast.get_docstring(node)),
            tuple(_members(node)),
        )
        for node in nodes
    ]


def signature(node: ast.FunctionDef) -> str:
    """``name(arguments) -> type``."""
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returned}"


def constructor(node: ast.ClassDef, tree: ast.Module) -> str:
    """``Name(arguments)``: those of ``__init__``, or the fields of a dataclass or named tuple.

    ``tree`` is the module around it, where an inherited ``__init__`` is looked for as well.
    """
    for owner in [node, *_bases_within(node, tree)]:
        for statement in owner.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == "__init__":
                bound = copy.deepcopy(statement)
                bound.args.args = bound.args.args[1:]
                return f"{node.name}({ast.unparse(bound.args)})"
    made = [*map(ast.unparse, node.bases), *map(ast.unparse, node.decorator_list)]
    if not any("NamedTuple" in one or "dataclass" in one for one in made):
        return f"{node.name}()"
    fields = [_field(one) for one in node.body if isinstance(one, ast.AnnAssign)]
    public = [one for one in fields if not one.startswith("_") and "ClassVar" not in one]
    return f"{node.name}({', '.join(public)})"


def _field(node: ast.AnnAssign) -> str:
    """A field with its default; one that is made anew each time as it is made."""
    match node.value:
        case ast.Call(func=ast.Name(id="field"), keywords=[ast.keyword("default_factory", make)]):
            shown = copy.deepcopy(node)
            shown.value = ast.Call(make, [], [])
            return ast.unparse(shown)
        case ast.Call(func=ast.Name(id="field"), keywords=[ast.keyword("default", value), *_]):
            shown = copy.deepcopy(node)
            shown.value = value
            return ast.unparse(shown)
    return ast.unparse(node)


def is_made(node: ast.ClassDef) -> bool:
    """Whether one calls it: a protocol is only fulfilled, an error only caught."""
    bases = set(map(ast.unparse, node.bases))
    return "Protocol" not in bases and not node.name.endswith("Error")


def _bases_within(node: ast.ClassDef, tree: ast.Module) -> Iterator[ast.ClassDef]:
    """The classes of the same module from which one derives, nearest first."""
    named = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    for base in map(ast.unparse, node.bases):
        if base in named:
            yield named[base]
            yield from _bases_within(named[base], tree)


def _members(owner: ast.ClassDef) -> Iterator[Member]:
    for statement, following in zip(owner.body, [*owner.body[1:], None], strict=True):
        match statement, following:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                value=ast.Constant(value=str(d))
            ):
                if not name.startswith("_"):
                    yield Member(_attribute(statement), prose(d))
            case ast.FunctionDef(name=name), _ if not name.startswith("_"):
                yield Member(_method(statement), prose(ast.get_docstring(statement)))


def _attribute(node: ast.stmt) -> str:
    """The declaration, without what makes a default."""
    assert isinstance(node, ast.AnnAssign)
    plain = isinstance(node.value, ast.Constant | ast.Tuple)
    given = f" = {ast.unparse(node.value)}" if plain and node.value else ""
    return f"{ast.unparse(node.target)}: {ast.unparse(node.annotation)}{given}"


def _method(node: ast.stmt) -> str:
    assert isinstance(node, ast.FunctionDef)
    is_property = any(ast.unparse(d) == "property" for d in node.decorator_list)
    if is_property and node.returns:
        return f"{node.name}: {ast.unparse(node.returns)}"
    bound = copy.deepcopy(node)
    bound.args.args = bound.args.args[1:]
    return signature(bound)
