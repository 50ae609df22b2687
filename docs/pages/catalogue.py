"""What is documented: the parts that ship, whatever else is installed."""

from __future__ import annotations

from functools import cache

from mfclip.parts import (
    Alignment,
    Corruption,
    Dataset,
    Detector,
    ImageEncoder,
    Input,
    Locator,
    Loss,
    Part,
    Prompts,
    PseudoFake,
    TextEncoder,
)
from mfclip.plugins.discovery import GROUP, Offer, Plugins, discover
from mfclip.recipe.messages import eligible, role
from pages.markdown import link

BASES: tuple[type[Part], ...] = (
    ImageEncoder,
    TextEncoder,
    Prompts,
    Alignment,
    Loss,
    Detector,
    Dataset,
    Corruption,
    Input,
    PseudoFake,
    Locator,
)
"""What a slot can ask for, in the order in which the pages show it."""


@cache
def shipped() -> Plugins:
    """What the distribution's own plugins offer; raises where one of them is broken."""
    found = discover()
    own = tuple(offer for offer in found.offers if offer.distribution == GROUP)
    faults = tuple(fault for fault in found.broken if fault.distribution == GROUP)
    plugins = Plugins(own, faults)
    plugins.require_all()
    return plugins


def heading(offer: Offer) -> str:
    """Heading of a part on the page of parts."""
    return f"{role(offer.schema)} `{offer.name}`"


def linked(offer: Offer) -> str:
    """A part's name as a link to its description."""
    return link(f"`{offer.name}`", "parts.md", heading(offer))


def choices(base: type[Part]) -> str:
    """The shipped parts that a slot of this base takes."""
    return ", ".join(map(linked, eligible(shipped(), base)))
