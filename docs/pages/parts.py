"""The page of parts."""

from __future__ import annotations

from collections.abc import Iterator

from mfclip.hookspecs import HOOKS
from mfclip.parts import Detector, Loss, Part
from mfclip.plugins.discovery import Offer
from mfclip.recipe.messages import eligible, role
from pages.catalogue import BASES, heading, linked, shipped
from pages.fields import field_table
from pages.markdown import first_line, link, page, prose, table


def write() -> str:
    """The page."""
    intro = (
        "Every part that ships, by what a recipe needs it for. `mfclip parts` lists what is "
        "installed, parts of third parties included."
    )
    return page("# Parts", intro, _overview(), *(b for base in BASES for b in _section(base)))


def _overview() -> str:
    rows = [
        (role(o.schema), linked(o), first_line(o.schema.__doc__), o.schema.paper or "-")
        for base in BASES
        for o in eligible(shipped(), base)
    ]
    return table(("For", "Name", "What it is", "Paper"), rows)


def _section(base: type[Part]) -> Iterator[str]:
    hook = next(hook for hook, kind in HOOKS.items() if kind == base.kind)
    yield f"## {role(base)}"
    yield prose(base.__doc__)
    yield f"Kind `{base.kind}`, offered through {link(f'`{hook}`', 'hooks.md', hook)}."
    offers = eligible(shipped(), base)
    if not offers:
        yield "None ships; third parties can offer some."
    for offer in offers:
        yield from _part(offer)


def _part(offer: Offer) -> Iterator[str]:
    schema = offer.schema
    yield f"### {heading(offer)}"
    yield prose(schema.__doc__)
    yield "\n".join(f"* {fact}" for fact in _facts(offer))
    yield field_table(schema, leave_out=("use",))


def _facts(offer: Offer) -> Iterator[str]:
    schema = offer.schema
    yield f'In a recipe: `use = "{offer.name}"`'
    yield f"Paper: {schema.paper}" if schema.paper else "Not from the paper"
    yield f"Owner: plugin `{offer.plugin}` of the distribution `{offer.distribution}`"
    yield f"Schema: `{schema.__module__}.{schema.__qualname__}`"
    if issubclass(schema, Loss):
        yield f"Reads: {_names(schema.needs)}"
    if issubclass(schema, Detector):
        yield f"Gives: {_names(schema.gives)}"
    if schema.modules:
        where = f", from the extra `{schema.extra}`" if schema.extra else ""
        yield f"Imports when built: {_names(schema.modules)}{where}"


def _names(names: frozenset[str] | tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
