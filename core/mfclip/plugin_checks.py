"""What can be wrong with a loaded plugin: its hooks, what they return, and the parts in there."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pluggy

from mfclip.hookspecs import HOOKS
from mfclip.parts import BASES, Part
from mfclip.suggest import did_you_mean

PART_NAME = re.compile(r"[a-z0-9]+([-._][a-z0-9]+)*")
"""What a part's name looks like: lower case, kebab-case by custom."""


def explain(error: BaseException) -> str:
    """The error in one line; where it was raised, unless an import says so already."""
    text = f"{type(error).__name__}: {' '.join(str(error).split())}"
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, ImportError | SyntaxError | pluggy.PluginValidationError) or not frames:
        return text
    return f"{text} ({Path(frames[-1].filename).name}:{frames[-1].lineno})"


def hook_problems(plugin: object, manager: pluggy.PluginManager) -> Iterator[str]:
    """Functions meant as hooks that no host would ever call.

    pluggy ignores a misspelt hook and a forgotten marker unless it is asked.
    """
    for name in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, name)
        if options is not None:
            target = options["specname"] or name
            if target not in HOOKS and not options["optionalhook"]:
                yield f"no hook is called '{target}'{did_you_mean(target, HOOKS)}"
        elif name in HOOKS and _defined_in(plugin, name):
            yield (
                f"'{name}' lacks the marker @hookimpl, so it is never called; write "
                "`from mfclip import hookimpl` and `@hookimpl` above the function"
            )
        elif name.startswith("mfclip_") and _defined_in(plugin, name):
            yield (
                f"no hook is called '{name}'{did_you_mean(name, HOOKS)} "
                "Hooks carry the marker @hookimpl; other functions want another name"
            )


def _defined_in(plugin: object, name: str) -> bool:
    """Whether the attribute is a function of the plugin's own, not one that it imports."""
    member = getattr(plugin, name, None)
    if not inspect.isroutine(member):
        return False
    return not inspect.ismodule(plugin) or member.__module__ == plugin.__name__


def offered_classes(
    plugin: object, manager: pluggy.PluginManager
) -> tuple[list[tuple[str, type[Part]]], list[str]]:
    """The sound (kind, class) pairs that a registered plugin's hooks return, and what is wrong."""
    sound: list[tuple[str, type[Part]]] = []
    wrong: list[str] = []
    for hook, kind in HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin:
                offered, problem = _call(hook, implementation.function)
                wrong += [problem] if problem else []
                for candidate in offered:
                    problem = part_problem(candidate, kind, hook)
                    if problem is None:
                        sound.append((kind, candidate))
                    else:
                        wrong.append(problem)
    return sound, wrong


def _call(hook: str, function: Any) -> tuple[list[Any], str | None]:
    try:
        result = function()
    except (Exception, SystemExit) as error:
        return [], f"{hook} raised {explain(error)}"
    if isinstance(result, list | tuple):
        return list(result), None
    return [], f"{hook} returned {_described(result)}; it must return a list of part classes"


def _described(value: object) -> str:
    if inspect.isclass(value):
        return f"the class {value.__name__}"
    return "None" if value is None else f"a value of type {type(value).__name__}"


def part_problem(candidate: object, kind: str, hook: str) -> str | None:
    """Why something that a hook returned is no part of its kind; None where it is sound."""
    base = BASES[kind]
    if not inspect.isclass(candidate):
        return f"{hook} returned a list with {_described(candidate)} in it; list the classes"
    if not issubclass(candidate, Part):
        return f"{hook} offers {candidate.__name__}, which is no subclass of mfclip.parts.Part"
    if not issubclass(candidate, base):
        return _wrong_kind(candidate, base, hook)
    if inspect.isabstract(candidate):
        absent = ", ".join(sorted(candidate.__abstractmethods__))
        return f"{candidate.__name__} does not define {absent}"
    return _schema_problem(candidate) or _name_problem(candidate)


def _wrong_kind(candidate: type[Part], base: type[Part], hook: str) -> str:
    kind = getattr(candidate, "kind", None)
    right = next((h for h, k in HOOKS.items() if k == kind), None)
    advice = f"; offer it through {right}" if right else ""
    return (
        f"{hook} offers {candidate.__name__}, which is no subclass of "
        f"mfclip.parts.{base.__name__}{advice}"
    )


def _schema_problem(schema: type[Part]) -> str | None:
    """A type in the schema that cannot be resolved, which pydantic reports only at first use."""
    try:
        if schema.__pydantic_complete__ or schema.model_rebuild(raise_errors=True) is not False:
            return None
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        return f"{schema.__name__} is no usable schema: {type(error).__name__}: {first_line}"
    return f"{schema.__name__} is no usable schema"


def _name_problem(schema: type[Part]) -> str | None:
    field = schema.model_fields["use"]
    names = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    if len(names) != 1 or not isinstance(names[0], str):
        return f'{schema.__name__} needs one name: `use: Literal["its-name"] = "its-name"`'
    if field.default != names[0]:
        return f'{schema.__name__} needs its name as default: `use: ... = "{names[0]}"`'
    if not PART_NAME.fullmatch(names[0]):
        return f"{schema.__name__} has the name '{names[0]}'; names are lower-case, like 'acme-vit'"
    return None
