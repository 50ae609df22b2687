"""The page of commands."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.main import get_command

from mfclip.cli.app import DEBUG_OPTION, DEBUG_VARIABLE, build_tree, command_tree
from pages.markdown import code, link, page, prose, table

_WORDS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


def write() -> str:
    """The page."""
    return page(
        "# Commands",
        f"Every command takes `--help`, and `{DEBUG_OPTION}` for the traceback of an error "
        f"(`{DEBUG_VARIABLE}` in the environment does the same). "
        f"{link('Exit codes', 'errors.md', 'Exit codes')} are the same for all.",
        *_tree("mfclip-build", build_tree()),
        *_tree("mfclip", command_tree()),
    )


def _tree(name: str, app: typer.Typer) -> Iterator[str]:
    command: Any = get_command(app)  # typer's own copy of click has no public types
    functions = [info.callback for info in app.registered_commands]
    if not hasattr(command, "commands"):
        yield from _command(name, command, functions[0])
        return
    if app.registered_callback is not None:
        yield from _command(name, command, app.registered_callback.callback)
    else:
        yield f"## {name}"
        yield code(f"{name} COMMAND [OPTIONS]", "text")
        yield prose(command.help)
    groups = {group.name: group.typer_instance for group in app.registered_groups}
    own = [sub for sub in command.commands.values() if sub.name not in groups]
    for sub, function in zip(own, functions, strict=True):
        yield from _command(f"{name} {sub.name}", sub, function)
    for sub_name, group in groups.items():
        assert group is not None
        yield from _tree(f"{name} {sub_name}", group)


def _command(name: str, command: Any, function: Callable[..., Any] | None) -> Iterator[str]:
    assert function is not None
    hints = get_type_hints(function)
    shown = [param for param in command.params if not getattr(param, "hidden", False)]
    rows = [_row(param, hints[param.name], function) for param in shown]
    positional = [p for p in command.params if p.param_type_name == "argument"]
    words = [_positional(p) for p in positional]
    needed = [f"{p.opts[0]} {_value(p, hints[p.name])}" for p in command.params if _must_name(p)]
    sub = ["COMMAND"] if hasattr(command, "commands") else []
    yield f"## {name}"
    yield code(" ".join([name, *sub, *words, *needed, "[OPTIONS]"]), "text")
    yield prose(command.help)
    yield table(("Option", "Value", "Default", "Meaning"), rows) if rows else ""


def _must_name(param: Any) -> bool:
    return param.param_type_name == "option" and bool(param.required)


def _positional(param: Any) -> str:
    return f"{param.name.upper()}{'...' if param.nargs < 0 else ''}"


def _row(param: Any, hint: Any, function: Callable[..., Any]) -> tuple[str, str, str, str]:
    if param.param_type_name == "argument":
        names = f"`{_positional(param)}`"
    else:
        names = ", ".join(f"`{name}`" for name in [*param.opts, *param.secondary_opts])
    value = _value(param, hint)
    repeat = " (repeatable)" if getattr(param, "multiple", False) else ""
    return names, (f"`{value}`" if value else "") + repeat, _default(param, function), _help(param)


def _value(param: Any, hint: Any) -> str:
    """What follows the option; nothing after a flag."""
    if getattr(param, "is_flag", False):
        return ""
    if param.metavar:
        return str(param.metavar)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return "|".join(str(member.value) for member in hint)
    inner = [member for member in get_args(hint) if member is not type(None)]
    if get_origin(hint) is Literal:
        return "|".join(map(str, inner))
    return _value(param, inner[0]) if inner else _WORDS[hint]


def _default(param: Any, function: Callable[..., Any]) -> str:
    if param.required:
        return "**required**"
    default = inspect.signature(function).parameters[param.name].default
    shown = default.value if isinstance(default, Enum) else default
    return "" if shown is None or shown is False else f"`{shown}`"


def _help(param: Any) -> str:
    return prose(param.help)
