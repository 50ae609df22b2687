"""The checks of a part: as a list, and all in one call."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from mfclip.errors import UsageError
from mfclip.parts import BASES, BuildContext, Part
from mfclip.testing.catalogue import checks_of
from mfclip.testing.check import Check, ConformanceError
from mfclip.testing.subject import Subject, owner_of


def check_part(part: Part | type[Part], *, context: BuildContext | None = None) -> None:
    """Run every check that applies to a part.

    Parameters
    ----------
    part
        A class is built with its defaults, an instance as it is. A small instance is quicker:
        ``AcmeVit(depth=1)``.
    context
        What the part is told when it is built. Without it: the smallest image size that the
        part accepts, two sentences, four prompts, batches of six.

    Raises
    ------
    ConformanceError
        With everything that was found, one line for each finding.
    UsageError
        Where ``part`` is no part, or a class with required fields.
    MissingExtraError
        Where a check needs a package that is not installed.
    """
    failures: list[tuple[str, str]] = []
    checks = part_checks(part, context=context)
    for check in checks:
        try:
            check()
        except ConformanceError as error:
            failures += error.failures
    if failures:
        raise ConformanceError(owner_of(part), failures)


def part_checks(
    part: Part | type[Part], *, context: BuildContext | None = None
) -> tuple[Check, ...]:
    """The checks that apply to a part, each a callable without arguments, none of them run.

    They share one built part, so running all costs little more than running one. Parameters and
    errors are those of :func:`check_part`.
    """
    return _checks(part, context, "")


def numbered_checks(
    parts: tuple[Part | type[Part], ...], context: BuildContext | None
) -> Iterator[Check]:
    """The checks of several parts; the second part of one name is called ``name#2``."""
    seen: dict[str, int] = {}
    for part in parts:
        schema = _schema(part)
        name = str(schema.model_fields["use"].default)
        seen[name] = seen.get(name, 0) + 1
        yield from _checks(part, context, f"#{seen[name]}" if seen[name] > 1 else "")


def _checks(
    part: Part | type[Part], context: BuildContext | None, number: str
) -> tuple[Check, ...]:
    schema = _schema(part)
    subject = Subject(part, context)
    return tuple(
        Check(entry.name, part, f"{subject.name}{number}-{entry.name}", subject, entry)
        for entry in checks_of(schema)
    )


def _schema(part: object) -> type[Part]:
    """The class of a part that can be checked."""
    schema = part if inspect.isclass(part) else type(part)
    if not issubclass(schema, Part) or not issubclass(schema, tuple(BASES.values())):
        bases = ", ".join(sorted(base.__name__ for base in BASES.values()))
        raise UsageError(
            f"{part!r} is no part; expected a subclass of one of mfclip.parts: {bases}, "
            "or an instance of one"
        )
    required = [name for name, field in schema.model_fields.items() if field.is_required()]
    if schema is part and required and required != ["use"]:
        values = ", ".join(f"{name}=..." for name in required)
        raise UsageError(
            f"{schema.__name__} has no default for {', '.join(required)}, so it cannot be made "
            f"from its class alone; give an instance: {schema.__name__}({values})"
        )
    return schema
