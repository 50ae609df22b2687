"""Finding the parts that installed plugins offer.

Plugins are entry points of the group ``mfclip``. They are loaded one by one; what goes wrong with
one is kept with its reason and never stops the others. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import pluggy

from mfclip import hookspecs
from mfclip.entry_points import EntryPoint, find_entry_points, normalise
from mfclip.errors import PluginError
from mfclip.parts import Part
from mfclip.plugin_checks import explain, hook_problems, offered_classes

GROUP = "mfclip"
"""Entry-point group of plugins, and the name of the distribution that ships the built-in ones."""


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
    """One thing that is wrong with one plugin."""

    name: str
    """Name of the entry point."""
    distribution: str
    """Installed distribution that it belongs to."""
    version: str
    """Version of that distribution."""
    reason: str
    """What is wrong, and what to do where that is known."""
    partly: bool = False
    """True where other parts of the plugin are on offer all the same."""

    def __str__(self) -> str:
        what = "works only in part" if self.partly else "did not load"
        return f"plugin '{self.name}' ({self.distribution} {self.version}) {what}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Plugins:
    """What the installed plugins offer, and what is wrong with them."""

    offers: tuple[Offer, ...] = ()
    """Every part on offer: shipped ones first, then by plugin name."""
    broken: tuple[BrokenPlugin, ...] = ()
    """Every fault of a plugin, in the same order."""
    disabled: tuple[str, ...] = ()
    """Installed distributions with plugins that were switched off and not loaded."""

    def get(self, kind: str, name: str) -> Offer | None:
        """The offer of that kind and name, if there is one."""
        return next((o for o in self.offers if (o.kind, o.name) == (kind, name)), None)

    def of_kind(self, kind: str) -> tuple[Offer, ...]:
        """Every offer of a kind."""
        return tuple(o for o in self.offers if o.kind == kind)

    def require_all(self) -> None:
        """Raise :class:`~mfclip.errors.PluginError` naming every fault, if there is any."""
        if self.broken:
            raise PluginError("\n".join(map(str, self.broken)))


def discover(*, group: str = GROUP, disabled: Collection[str] = ()) -> Plugins:
    """Load every plugin of the group with a fresh plugin manager and collect what they offer.

    The framework's own plugins come first and the others in name order, so that no third party
    can take the name of a shipped part. A name that is offered twice stays with the first.

    Parameters
    ----------
    disabled
        Names of distributions to leave alone, compared as package indexes do
        (``Acme_Parts`` equals ``acme-parts``).
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    points, unreadable = find_entry_points(group)
    off = {normalise(name) for name in disabled}
    survey = _Survey(manager)
    for point, reason in unreadable:
        survey.fault(point, reason)
    for point in sorted(points, key=_order):
        if normalise(point.distribution) in off:
            survey.disabled.append(point.distribution)
        else:
            survey.load(point)
    survey.check_own(group, points, off)
    return survey.result()


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    return (point.distribution != GROUP, point.name, point.distribution)


@dataclass(slots=True)
class _Survey:
    """What is gathered while plugins are loaded."""

    manager: pluggy.PluginManager
    offers: list[Offer] = field(default_factory=list)
    faults: list[tuple[EntryPoint, str]] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    loaded: dict[str, EntryPoint] = field(default_factory=dict)

    def fault(self, point: EntryPoint, reason: str) -> None:
        self.faults.append((point, reason))

    def load(self, point: EntryPoint) -> None:
        """Import one plugin, register it and collect its parts. Never raises."""
        if point.name in self.loaded:
            return self.fault(point, _taken("the plugin name", self.loaded[point.name], point))
        self.loaded[point.name] = point
        try:
            plugin = point.load()
            self.manager.register(plugin, name=point.name)
        except (Exception, SystemExit) as error:
            return self.fault(point, explain(error))
        problems = list(hook_problems(plugin, self.manager))
        classes, wrong = offered_classes(plugin, self.manager)
        if not (classes or problems or wrong):
            problems.append(_offers_nothing())
        for reason in problems + wrong:
            self.fault(point, reason)
        for kind, schema in classes:
            self.offer(kind, schema, point)

    def offer(self, kind: str, schema: type[Part], point: EntryPoint) -> None:
        """Add a part, unless its name is taken."""
        name = schema.model_fields["use"].default
        first = next((o for o in self.offers if (o.kind, o.name) == (kind, name)), None)
        if first is None:
            owner = (point.name, point.distribution, point.version)
            self.offers.append(Offer(kind, name, schema, *owner))
        else:
            self.fault(point, _taken(f"the {kind} name '{name}'", first, point))

    def check_own(self, group: str, points: Iterable[EntryPoint], off: set[str]) -> None:
        """Notice an installation that has lost its own entry points."""
        own = any(point.distribution == GROUP for point in points)
        if group == GROUP and not own and GROUP not in off:
            from mfclip import __version__

            reason = "it has no entry points, so no shipped part is on offer; install mfclip again"
            self.fault(EntryPoint(GROUP, "", GROUP, __version__), reason)

    def result(self) -> Plugins:
        offering = {(o.plugin, o.distribution) for o in self.offers}
        broken = (
            BrokenPlugin(
                point.name,
                point.distribution,
                point.version,
                reason,
                (point.name, point.distribution) in offering,
            )
            for point, reason in self.faults
        )
        return Plugins(tuple(self.offers), tuple(broken), tuple(dict.fromkeys(self.disabled)))


def _offers_nothing() -> str:
    hooks = ", ".join(hookspecs.HOOKS)
    return f"it offers nothing; at least one @hookimpl function of these returns parts: {hooks}"


def _taken(what: str, first: EntryPoint | Offer, second: EntryPoint) -> str:
    owner = first.plugin if isinstance(first, Offer) else first.name
    if (owner, first.distribution) == (second.name, second.distribution):
        return f"{what} is offered twice by it; only the first counts"
    return (
        f"{what} belongs to plugin '{owner}' ({first.distribution} {first.version}) already; "
        f"uninstall one of the two, or switch it off in a registry file: "
        f'[plugins] disabled = ["{second.distribution}"]'
    )
