"""What the installed plugins offer, and what is wrong with them: the result of discovery."""

from __future__ import annotations

from dataclasses import dataclass, field

from mfclip.errors import PluginError
from mfclip.parts import Part


@dataclass(frozen=True, slots=True)
class Offer:
    """One part that can be used by its name."""

    kind: str
    """One of :data:`mfclip.parts.KINDS`."""
    name: str
    """What a recipe writes after ``use``; unique within its kind."""
    schema: type[Part]
    """The part's class."""
    plugin: str
    """Name of the entry point that offers it."""
    distribution: str
    """Installed distribution that the plugin belongs to."""
    version: str
    """Version of that distribution."""


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """One thing that is wrong with one plugin, so that something of it is not on offer."""

    name: str
    """Name of the entry point."""
    distribution: str
    """Installed distribution that it belongs to."""
    version: str
    """Version of that distribution."""
    reason: str
    """What is wrong, and how its author mends it where that is known."""
    partly: bool = False
    """True where other parts of the plugin are on offer all the same."""
    next_step: str = ""
    """What whoever installed it can do; empty where ``reason`` says so."""

    def __str__(self) -> str:
        what = "works only in part" if self.partly else "did not load"
        text = f"plugin '{self.name}' ({self.distribution} {self.version}) {what}: {self.reason}"
        return f"{text} (next step: {self.next_step})" if self.next_step else text


@dataclass(frozen=True, slots=True)
class PluginRemark:
    """Something that the author of a working plugin should change, such as a slow import."""

    name: str
    """Name of the entry point."""
    distribution: str
    """Installed distribution that it belongs to."""
    version: str
    """Version of that distribution."""
    reason: str = field(compare=False)
    """What it is, and what to do; it may hold a time measured."""
    next_step: str = ""
    """What whoever installed it can do."""

    def __str__(self) -> str:
        text = f"plugin '{self.name}' ({self.distribution} {self.version}) works, but {self.reason}"
        return f"{text} (next step: {self.next_step})" if self.next_step else text


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """One plugin that was imported and registered."""

    name: str
    """Name of the entry point."""
    distribution: str
    """Installed distribution that it belongs to."""
    version: str
    """Version of that distribution."""
    hooks: int | None
    """Version of the hooks that it says it was written for; None where it says nothing."""
    seconds: float = field(compare=False)
    """How long it took to load, modules that others had loaded before left out."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the installed plugins offer, and what is wrong with them."""

    offers: tuple[Offer, ...] = ()
    """Every part on offer: shipped ones first, then by plugin name."""
    broken: tuple[BrokenPlugin, ...] = ()
    """Every fault of a plugin, in the same order."""
    disabled: tuple[str, ...] = ()
    """Installed distributions with plugins that were switched off and not loaded."""
    remarks: tuple[PluginRemark, ...] = ()
    """What works and should be changed: slow imports, prints, deprecated hooks."""
    loaded: tuple[LoadedPlugin, ...] = ()
    """Every plugin that was registered, sound or not."""

    def get(self, kind: str, name: str) -> Offer | None:
        """The offer of that kind and name, if there is one."""
        return next((o for o in self.offers if (o.kind, o.name) == (kind, name)), None)

    def of_kind(self, kind: str) -> tuple[Offer, ...]:
        """Every offer of a kind."""
        return tuple(o for o in self.offers if o.kind == kind)

    def require_all(self) -> None:
        """Raise :class:`~mfclip.errors.PluginError` naming every fault and remark, if any."""
        if self.broken or self.remarks:
            raise PluginError("\n".join(map(str, (*self.broken, *self.remarks))))
