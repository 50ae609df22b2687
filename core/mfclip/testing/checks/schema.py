"""Checks of what a part declares. They hold for every kind."""

from __future__ import annotations

import inspect
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic.errors import PydanticUserError

from mfclip.errors import MissingExtraError, in_one_line
from mfclip.hookspecs import HOOKS
from mfclip.parts import Encoder, ImageEncoder, Misfit, TextEncoder
from mfclip.plugins.checks import part_problem
from mfclip.recipe.describe import field_docs
from mfclip.recipe.messages import Problems
from mfclip.recipe.render import part_to_toml
from mfclip.recipe.resolve import Resolver
from mfclip.recipe.schema import part_schema
from mfclip.recipe.slots import table_of
from mfclip.recipe.source import parse
from mfclip.testing.faults import Fault
from mfclip.testing.fresh_process import heavy_imports
from mfclip.testing.offers import offer_of, plugins_with
from mfclip.testing.subject import Subject, misfits_of

if TYPE_CHECKING:
    from mfclip.parts import Part


def offerable(subject: Subject) -> None:
    """A hook takes the class: one kebab-case name as `use` and its default, nothing abstract."""
    schema = subject.schema
    hook = next(hook for hook, kind in HOOKS.items() if kind == schema.kind)
    problem = part_problem(schema, schema.kind, hook)
    if problem:
        raise Fault(problem)
    if issubclass(schema, Encoder) and not issubclass(schema, (ImageEncoder, TextEncoder)):
        raise Fault(
            f"{schema.__name__} is an Encoder and no more, so no recipe has a place for it",
            expected="a subclass of ImageEncoder or of TextEncoder",
        )


def documented(subject: Subject) -> None:
    """The class and each of its fields has a docstring: recipes and references show them."""
    schema = subject.schema
    if not (schema.__doc__ or "").strip():
        raise Fault(
            f"class {schema.__name__} has no docstring",
            advice="its first line is what `mfclip parts` shows of the part",
        )
    bare = list(_undescribed(schema, ""))
    if bare:
        raise Fault(
            f"no docstring under {', '.join(bare)}",
            advice="say there what the field means, with its unit and range",
        )


def _undescribed(schema: type[BaseModel], prefix: str) -> Iterator[str]:
    docs = field_docs(schema)
    for name, field in schema.model_fields.items():
        if name not in docs:
            yield prefix + name
        inner = table_of(field)
        if inner is not None:
            yield from _undescribed(inner, f"{prefix}{name}.")


def frozen(subject: Subject) -> None:
    """An instance cannot be changed, and a key that it does not know is refused."""
    for setting, wanted in (("frozen", True), ("extra", "forbid")):
        received = subject.schema.model_config.get(setting)
        if received != wanted:
            raise Fault(
                f"{subject.schema.__name__}.model_config changes {setting!r}",
                received=repr(received),
                expected=f"{wanted!r}, as every Part has it",
                advice=f"leave {setting!r} out of your model_config",
            )


def toml_round_trip(subject: Subject) -> None:
    """Written to a recipe and read back, the part is equal: bundles keep parts that way."""
    text = part_to_toml(subject.part)
    document, problems = parse(text, "the part as TOML"), Problems()
    resolver = Resolver(document, plugins_with(subject.part), problems)
    again = resolver.part(subject.schema, document.tree, ())
    if problems:
        told = "; ".join(map(str, problems.found))
        raise Fault("its own TOML is refused", received=told, advice=f"the TOML was:\n{text}")
    if again != subject.part:
        raise Fault(
            "it is another part after a round trip through TOML",
            received=repr(again),
            expected=repr(subject.part),
        )


def json_schema(subject: Subject) -> None:
    """Its JSON Schema can be made and accepts the part, so that editors can check recipes."""
    try:
        from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    except ModuleNotFoundError as absent:
        raise MissingExtraError("the check json-schema", "testing") from absent
    try:
        subject.schema.model_json_schema()
    except PydanticUserError as failed:
        raise Fault(
            f"no JSON Schema can be made: {failed.message}",
            advice="annotate fields with types that TOML can hold",
        ) from failed
    plugins = plugins_with(subject.part)
    schema = part_schema(offer_of(subject.schema), plugins)
    value = tomllib.loads(part_to_toml(subject.part))
    for refusal in Draft202012Validator(schema).iter_errors(value):
        where = ".".join(map(str, refusal.absolute_path)) or "the part as a whole"
        raise Fault(
            f"its JSON Schema refuses {where}",
            received=refusal.message,
            expected="a schema that accepts what the part itself writes",
        )


def misfits_told(subject: Subject) -> None:
    """`misfits` gives Misfit tuples that name real fields, for any context, and never raises."""
    part = subject.part
    for change in _CONTEXTS:
        told = ", ".join(f"{name}={value}" for name, value in change.items())
        try:
            found = list(part.misfits(replace(subject.context, **change)))
        except Exception as error:
            raise Fault(
                f"misfits raised for {told}", received=in_one_line(error), expected="Misfit tuples"
            ) from error
        for misfit in found:
            _check_misfit(part, misfit, told)


_CONTEXTS: tuple[dict[str, Any], ...] = (
    *({"image_size": size} for size in (16, 33, 64, 100, 224, 1024)),
    *({"sentences": count} for count in (1, 2, 4)),
    *({"prompts": count} for count in (1, 2, 100)),
    *({"batch_size": count} for count in (1, 24, 1000)),
    {"pretrained": False},
)


def _check_misfit(part: Part, misfit: object, told: str) -> None:
    if not isinstance(misfit, Misfit):
        raise Fault(
            f"misfits gave something else for {told}",
            received=repr(misfit),
            expected="mfclip.Misfit(field, message)",
        )
    if misfit.field and misfit.field.partition(".")[0] not in type(part).model_fields:
        raise Fault(
            f"misfits names a field that the part does not have, for {told}",
            received=repr(misfit.field),
            expected=f"one of {', '.join(type(part).model_fields)}, or '' for the whole part",
        )
    if not misfit.message.strip():
        raise Fault(f"misfits gave an empty message for {told}")


def light_import(subject: Subject) -> None:
    """Importing the module that declares the part loads no heavy package, in a fresh process."""
    module = inspect.getmodule(subject.schema)
    heavy = heavy_imports(subject.schema.__module__, getattr(module, "__file__", None))
    if heavy:
        raise Fault(
            f"importing {subject.schema.__module__} loads heavy packages",
            received=", ".join(heavy),
            expected="none: listing parts and checking recipes stays fast for everybody",
            advice="import them inside build()",
        )


def builds(subject: Subject) -> None:
    """It has no misfits in its context and builds there."""
    misfits = misfits_of(subject.part, subject.context)
    if misfits:
        raise Fault(
            f"the part does not fit into {subject.context}",
            received="; ".join(f"{m.field}: {m.message}" for m in misfits),
            advice="give check_part a context that fits, or a part that fits this one",
        )
    subject.ready()
