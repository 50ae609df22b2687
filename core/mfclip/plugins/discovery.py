"""Finding the parts that installed plugins offer.

Plugins are entry points of the group ``mfclip``. They are loaded one by one; what goes wrong with
one is kept with its reason and never stops the others. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import pluggy

from mfclip import hookspecs
from mfclip.errors import in_one_line
from mfclip.parts import Part
from mfclip.plugins.checks import Found, hook_problems, offered_classes
from mfclip.plugins.entry_points import EntryPoint, find_entry_points, normalise
from mfclip.plugins.loading import Watched, watch
from mfclip.plugins.offers import BrokenPlugin, LoadedPlugin, Offer, PluginRemark, Plugins
from mfclip.plugins.remedies import other_version, remedy, report
from mfclip.plugins.versions import requirement_problem, stated_version, version_problem

__all__ = ["GROUP", "BrokenPlugin", "Offer", "PluginRemark", "Plugins", "discover"]

GROUP = "mfclip"
"""Entry-point group of plugins, and the name of the distribution that ships the built-in ones."""


def discover(
    *,
    group: str = GROUP,
    disabled: Collection[str] = (),
    allowed: Collection[str] | None = None,
) -> Plugins:
    """Load every plugin of the group with a fresh plugin manager and collect what they offer.

    The framework's own plugins come first and the others in name order, so that no third party
    can take the name of a shipped part. A name that is offered twice stays with the first.
    Whatever a plugin does while it loads, but for Ctrl-C, is its own fault and no other's.

    Parameters
    ----------
    disabled
        Names of distributions to leave alone, compared as package indexes do
        (``Acme_Parts`` equals ``acme-parts``).
    allowed
        The only distributions to load beside the framework's own; None: every one.
    """
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    points, unreadable = find_entry_points(group)
    off = {normalise(name) for name in disabled}
    only = None if allowed is None else {GROUP, *map(normalise, allowed)}
    survey = _Survey(manager)
    for point, reason in unreadable:
        survey.fault(point, reason, f"pip install --force-reinstall {point.distribution}")
    for point in sorted(points, key=_order):
        name = normalise(point.distribution)
        if name in off or (only is not None and name not in only):
            survey.disabled.append(point.distribution)
        else:
            survey.load(point)
    survey.check_own(group, points, off)
    return survey.result()


def _order(point: EntryPoint) -> tuple[bool, str, str]:
    return (point.distribution != GROUP, point.name, point.distribution)


class _Fault(NamedTuple):
    point: EntryPoint
    reason: str
    next_step: str


@dataclass(slots=True)
class _Survey:
    """What is gathered while plugins are loaded."""

    manager: pluggy.PluginManager
    offers: list[Offer] = field(default_factory=list)
    faults: list[_Fault] = field(default_factory=list)
    remarks: list[PluginRemark] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    loaded: list[LoadedPlugin] = field(default_factory=list)
    names: dict[str, EntryPoint] = field(default_factory=dict)

    def fault(self, point: EntryPoint, reason: str, next_step: str = "") -> None:
        self.faults.append(_Fault(point, reason, next_step))

    def load(self, point: EntryPoint) -> None:
        """Import one plugin, register it and collect its parts. Raises only KeyboardInterrupt."""
        if point.name in self.names:
            return self.fault(point, _taken("the plugin name", self.names[point.name], point))
        self.names[point.name] = point
        unmet = requirement_problem(point.requires)
        if unmet:
            return self.fault(point, unmet, other_version(point.distribution))
        with watch(point.package) as watched:
            try:
                plugin = point.load()
                unmet = version_problem(plugin)
                found = None if unmet else self._register(plugin, point)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # sys.exit, and panics of compiled modules
                return self.fault(point, in_one_line(error), remedy(point.distribution, error))
        if found is None:
            return self.fault(point, unmet or "", other_version(point.distribution))
        hooks = stated_version(plugin)
        self.loaded.append(LoadedPlugin(*_owner(point), hooks, watched.seconds))
        self._take(point, found, watched)

    def _register(self, plugin: object, point: EntryPoint) -> Found:
        """What the plugin's hooks give; whatever is raised in there comes through."""
        self.manager.register(plugin, name=point.name)
        problems = list(hook_problems(plugin, self.manager))
        found = offered_classes(plugin, self.manager)
        if not (found.classes or problems or found.wrong):
            problems.append(_offers_nothing())
        for deprecation in found.deprecated:
            deprecation.warn()
        return found._replace(wrong=problems + found.wrong)

    def _take(self, point: EntryPoint, found: Found, watched: Watched) -> None:
        """Keep what was found, the good and the bad."""
        next_step = remedy(point.distribution)
        for reason in found.wrong:
            self.fault(point, reason, next_step)
        for kind, schema in found.classes:
            self.offer(kind, schema, point)
        for remark in (*watched.remarks(), *map(str, found.deprecated)):
            self.remarks.append(PluginRemark(*_owner(point), remark, report(point.distribution)))

    def offer(self, kind: str, schema: type[Part], point: EntryPoint) -> None:
        """Add a part, unless its name is taken."""
        name = schema.model_fields["use"].default
        first = next((o for o in self.offers if (o.kind, o.name) == (kind, name)), None)
        if first is None:
            self.offers.append(Offer(kind, name, schema, *_owner(point)))
        else:
            self.fault(point, _taken(f"the {kind} name '{name}'", first, point))

    def check_own(self, group: str, points: Iterable[EntryPoint], off: set[str]) -> None:
        """Notice an installation that has lost its own entry points."""
        own = any(point.distribution == GROUP for point in points)
        if group == GROUP and not own and GROUP not in off:
            from mfclip.version import __version__

            reason = "it has no entry points, so no shipped part is on offer; install mfclip again"
            self.fault(EntryPoint(GROUP, "", GROUP, __version__), reason)

    def result(self) -> Plugins:
        offering = {(o.plugin, o.distribution) for o in self.offers}
        broken = (
            BrokenPlugin(
                *_owner(point), reason, (point.name, point.distribution) in offering, next_step
            )
            for point, reason, next_step in self.faults
        )
        return Plugins(
            tuple(self.offers),
            tuple(broken),
            tuple(dict.fromkeys(self.disabled)),
            tuple(self.remarks),
            tuple(self.loaded),
        )


def _owner(point: EntryPoint) -> tuple[str, str, str]:
    return point.name, point.distribution, point.version


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
