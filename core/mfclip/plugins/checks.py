"""What can be wrong with a loaded plugin: its hooks, what they return, and the parts in there."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

import pluggy

from mfclip import hookspecs
from mfclip.errors import in_one_line
from mfclip.hookspecs import HOOKS
from mfclip.output_names import AXES, STANDARD, are_outputs, are_shapes
from mfclip.parts import BASES, Part, members_of
from mfclip.plugins.versions import Deprecation, deprecated_attributes, deprecated_hooks
from mfclip.reads import STANDARD_READS
from mfclip.text import did_you_mean

PART_NAME = re.compile(r"[a-z0-9]+([-._][a-z0-9]+)*")
"""What a part's name looks like: lower case, kebab-case by custom."""


def hook_problems(plugin: object, manager: pluggy.PluginManager) -> Iterator[str]:
    """Functions meant as hooks that no host would ever call.

    pluggy ignores a misspelt hook and a forgotten marker unless it is asked.
    """
    for name in _names_of_routines(plugin):
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


def _names_of_routines(plugin: object) -> Iterator[str]:
    """What could be a hook. Of a module, all else is left out at once; of an object, nothing."""
    for name in dir(plugin):
        if not inspect.ismodule(plugin) or inspect.isroutine(vars(plugin).get(name)):
            yield name


def _defined_in(plugin: object, name: str) -> bool:
    """Whether the attribute is a function of the plugin's own, not one that it imports."""
    member = getattr(plugin, name, None)
    if not inspect.isroutine(member):
        return False
    return not inspect.ismodule(plugin) or member.__module__ == plugin.__name__


class Found(NamedTuple):
    """What the hooks of one registered plugin give."""

    classes: list[tuple[str, type[Part]]]
    """The sound (kind, class) pairs."""
    wrong: list[str]
    """What is wrong, one text a fault."""
    deprecated: list[Deprecation]
    """What works now and will not with the next version of the hooks."""


def offered_classes(plugin: object, manager: pluggy.PluginManager) -> Found:
    """Call every hook that a registered plugin implements, and look at what it returns."""
    found = Found([], [], [])
    for hook, kind in HOOKS.items():
        for implementation in getattr(manager.hook, hook).get_hookimpls():
            if implementation.plugin is plugin:
                _collect(found, hook, kind, implementation)
    return found


def _collect(found: Found, hook: str, kind: str, implementation: pluggy.HookImpl) -> None:
    function, arguments = implementation.function, implementation.argnames
    found.deprecated.extend(deprecated_hooks(hook, function, arguments))
    if implementation.wrapper or implementation.hookwrapper:
        found.wrong.append(f"{hook} is marked as a wrapper; write @hookimpl without arguments")
        return
    offered, problem = _call(hook, function, arguments)
    found.wrong.extend([problem] if problem else [])
    for candidate in offered:
        problem = part_problem(candidate, kind, hook)
        if problem is None:
            found.classes.append((kind, candidate))
            found.deprecated.extend(deprecated_attributes(candidate))
        else:
            found.wrong.append(problem)


def _call(hook: str, function: Any, arguments: tuple[str, ...]) -> tuple[list[Any], str | None]:
    """What a hook returns. It gets the arguments that it asks for, as pluggy hands them out."""
    try:
        result = function(*(hookspecs.ARGUMENTS[name] for name in arguments))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit, and panics of compiled modules
        return [], f"{hook} raised {in_one_line(error)}"
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
    return (
        _schema_problem(candidate)
        or _name_problem(candidate)
        or _kind_problem(candidate, kind)
        or _attribute_problem(candidate)
    )


def _wrong_kind(candidate: type[Part], base: type[Part], hook: str) -> str:
    kind = getattr(candidate, "kind", None)
    right = next((h for h, k in HOOKS.items() if k == kind), None)
    advice = f"; offer it through {right}" if right else ""
    return (
        f"{hook} offers {candidate.__name__}, which is no subclass of "
        f"mfclip.parts.{base.__name__}{advice}"
    )


def _schema_problem(schema: type[Part]) -> str | None:
    """A type in the schema that pydantic cannot use, which it would tell only at first use."""
    try:
        # Building a validator takes as long as the rest of a class; plain types need no proof.
        known = getattr(schema, "__pydantic_fields_complete__", False) and _has_plain_types(schema)
        if known or schema.model_rebuild(raise_errors=True) is not False:
            return None
    except Exception as error:
        first_line = str(error).partition("\n")[0]
        return f"{schema.__name__} is no usable schema: {type(error).__name__}: {first_line}"
    return f"{schema.__name__} is no usable schema"


_PLAIN_TYPES = {bool, int, float, str, bytes, None, type(None), Path}


def _has_plain_types(schema: type[Part]) -> bool:
    """Whether every field is made of numbers, texts, paths, choices and other parts.

    Validators may name fields that are not there: with them, pydantic has to be asked.
    """
    members = {m for field in schema.model_fields.values() for m in members_of(field.annotation)}
    return not schema.__pydantic_decorators__.field_validators and all(
        isinstance(member, str | int | float)  # a choice of a Literal
        or member in _PLAIN_TYPES
        or (inspect.isclass(member) and issubclass(member, Part))
        for member in members
    )


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


def _kind_problem(schema: type[Part], kind: str) -> str | None:
    """A class that changes what its base has settled for all parts."""
    if schema.kind != kind:
        return f"{schema.__name__} sets kind to {schema.kind!r}; leave it to its base: {kind!r}"
    if schema.model_config.get("extra") != "forbid" or not schema.model_config.get("frozen"):
        return f"{schema.__name__} must keep extra='forbid' and frozen=True in its model_config"
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


_OUTPUTS = (
    f"a frozenset with some of {', '.join(map(repr, STANDARD))}, or names of your own like "
    "'acme.map'"
)
_SHAPES = (
    "shapes of outputs of your own like {'acme.map': ('batch', 1, 8, 8)}, of whole numbers and "
    f"{' or '.join(map(repr, AXES))}; a detector may use other words too"
)
_ATTRIBUTES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "paper": (_is_text, "a text"),
    "extra": (lambda value: value is None or _is_text(value), "a text or None"),
    "modules": (
        lambda value: isinstance(value, tuple) and all(map(_is_text, value)),
        "a tuple of texts, such as ('timm',)",
    ),
    "synthetic": (lambda value: isinstance(value, bool), "True or False"),
    "needs": (are_outputs, _OUTPUTS),
    "gives": (are_outputs, _OUTPUTS),
    "shapes": (lambda value: isinstance(value, property) or are_shapes(value), _SHAPES),
    "reads": (
        lambda value: isinstance(value, property) or are_outputs(value),
        f"a frozenset with some of {', '.join(map(repr, STANDARD_READS))}, or names of inputs",
    ),
    "training_only": (
        lambda value: isinstance(value, frozenset) and all(map(_is_text, value)),
        "a frozenset of names of the module's children",
    ),
    "kept": (lambda value: isinstance(value, bool), "True or False"),
    "version": (lambda value: type(value) is int, "a whole number"),
}
"""Attributes of the bases, and what they may be: pydantic does not check class attributes."""


def _attribute_problem(schema: type[Part]) -> str | None:
    for name, (fits, meaning) in _ATTRIBUTES.items():
        if hasattr(schema, name) and not fits(getattr(schema, name)):
            got = getattr(schema, name)
            return f"{schema.__name__} has {name} = {got!r}; it should be {meaning}"
    known: list[object] = [
        getattr(schema, name, frozenset()) for name in ("needs", "gives", "reads")
    ]
    told = frozenset[str]().union(*(one for one in known if isinstance(one, frozenset)))
    shapes = getattr(schema, "shapes", ())
    unread = [] if isinstance(shapes, property) else sorted(set(shapes) - told)
    if unread:
        named = ", ".join(map(repr, unread))
        return f"{schema.__name__} has a shape of {named}, which its `needs` does not name"
    return None
