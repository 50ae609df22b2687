"""The page of what Python code imports: the public names of our packages."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from pages.hooks import described_elsewhere
from pages.markdown import code, link, page, prose
from pages.source import classes, constructor, is_made, parse, signature

PACKAGES = ("mfclip", "mfclip.testing", "mfclip.testing.toys", "mfclip_spa")
"""Whose names are public, in the order of the page."""
_GIVEN = (("inference/loaded.py", "LoadedDetector"), ("inference/score.py", "Score"))
_VALUES = {
    "__version__": "The version of the framework, as text.",
    "hookimpl": "The mark above a plugin's hook functions: `@hookimpl`.",
}
"""Names that are neither classes nor functions, and so have no docstring."""


def write() -> str:
    """The page."""
    return page(
        "# Python",
        "What can be imported by name. All else is internal and may change. Nothing here loads "
        "torch before it is needed.",
        *(block for package in PACKAGES for block in _package(package)),
        "## What loading and scoring give",
        *(block for file, name in _GIVEN for block in _given(file, name)),
    )


def _given(file: str, name: str) -> Iterator[str]:
    found = next(one for one in classes(parse(file)) if one.name == name)
    yield f"### {name}"
    yield from (found.doc, found.listed())


def _package(package: str) -> Iterator[str]:
    tree = parse(_file(package))
    yield f"## {package}"
    yield prose(ast.get_docstring(tree))
    for name in exported(package):
        yield from _name(package, name, _home(tree, package, name))


def exported(package: str) -> list[str]:
    """What a package lists in ``__all__``."""
    for statement in parse(_file(package)).body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="__all__")], value=value):
                return [str(name) for name in ast.literal_eval(value)]
    raise LookupError(f"{package} has no __all__")


def _home(tree: ast.Module, package: str, name: str) -> str:
    """The module that a package takes a name from."""
    for node in ast.walk(tree):
        names = node.names if isinstance(node, ast.ImportFrom) else []
        if name in (alias.asname or alias.name for alias in names):
            return str(node.module)
    return package


def _name(package: str, name: str, home: str) -> Iterator[str]:
    yield f"### {package}.{name}"
    if name in _VALUES:
        yield _VALUES[name]
        return
    if name in described_elsewhere():
        yield f"See {link(name, 'hooks.md', name)}."
        return
    tree = parse(_file(home))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            yield code(signature(node), "text")
            yield prose(ast.get_docstring(node))
            return
        if isinstance(node, ast.ClassDef) and node.name == name:
            found = next(one for one in classes(tree) if one.name == name)
            if is_made(node):
                yield code(constructor(node, tree), "text")
            yield from (found.doc, found.listed())
            return
    raise LookupError(f"{home} does not define {name}, which {package} exports")


def _file(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None, f"{module} is not installed"
    assert spec.origin is not None, f"{module} has no source"
    return str(Path(spec.origin))
