"""What the fields of a schema mean: the docstrings under them, read only when asked for.

pydantic can collect attribute docstrings itself, but does so while each class is made, which
more than doubles the time that listing parts takes.
"""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from pathlib import Path

from pydantic import BaseModel


def field_docs(schema: type[BaseModel]) -> dict[str, str]:
    """The meaning of each field that says one: its ``Field(description=...)`` or docstring.

    Fields without either, or whose source is not at hand, are absent.
    """
    docs: dict[str, str] = {}
    for owner in reversed(schema.__mro__):
        file = getattr(sys.modules.get(owner.__module__), "__file__", None)
        if file and file.endswith(".py") and Path(file).is_file():
            docs |= _attribute_docs(file).get(owner.__qualname__, {})
    stated = {name: field.description for name, field in schema.model_fields.items()}
    meant = {name: stated[name] or docs.get(name) for name in stated}
    return {name: doc for name, doc in meant.items() if doc}


@cache
def _attribute_docs(file: str) -> dict[str, dict[str, str]]:
    """Docstrings of the annotated attributes of each class in a file, by qualified name."""
    found: dict[str, dict[str, str]] = {}

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                found[prefix + child.name] = _docs_within(child)
                visit(child, f"{prefix}{child.name}.")
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                visit(child, f"{prefix}{child.name}.<locals>.")
            else:
                visit(child, prefix)

    visit(ast.parse(Path(file).read_text(encoding="utf-8")), "")
    return found


def _docs_within(owner: ast.ClassDef) -> dict[str, str]:
    docs: dict[str, str] = {}
    for statement, following in zip(owner.body, owner.body[1:], strict=False):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                docs[name] = inspect.cleandoc(text)
    return docs
