"""A part as if a plugin offered it, so that recipes and schemas can be made of it."""

from __future__ import annotations

from mfclip.parts import Part
from mfclip.plugins.discovery import Offer, Plugins
from mfclip.recipe.slots import parts_within


def offer_of(schema: type[Part]) -> Offer:
    """The offer of one class."""
    name = str(schema.model_fields["use"].default)
    return Offer(schema.kind, name, schema, "under-test", "under-test", "0")


def plugins_with(part: Part) -> Plugins:
    """Plugins that offer a part and the parts inside it, and no others."""
    inside = [type(inner) for _, inner in parts_within(part)]
    return Plugins(tuple(offer_of(schema) for schema in dict.fromkeys([type(part), *inside])))
