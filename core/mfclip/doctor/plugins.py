"""The installed plugins: whose, which version, what they offer, how fast they load."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mfclip.doctor.findings import Cell, Fault, Table
from mfclip.errors import MfclipError
from mfclip.plugins.discovery import BrokenPlugin, PluginRemark, Plugins, discover
from mfclip.recipe.registry import SHIPPED, plugins_for, read_registry

_HEADING = ("plugin", "distribution", "version", "hooks", "parts", "seconds", "state")


def find(registry: Path | None) -> tuple[Plugins, Table, list[Fault]]:
    """The plugins that the registry files let in, and those files.

    A registry file that is wrong is a fault, and then nothing is loaded but what ships: it may
    have been meant to keep something out.
    """
    rows: list[tuple[Cell, ...]] = [("shipped", str(SHIPPED), "read")]
    faults: list[Fault] = []
    try:
        plugins = plugins_for(read_registry(registry))
        rows += [("yours", str(registry), "read")] if registry else []
    except (MfclipError, OSError) as error:
        plugins = discover(allowed=())
        rows.append(("yours", str(registry), "not read"))
        faults.append(Fault(str(error), "mend the file, or leave out --registry"))
    return plugins, Table("registry files", ("whose", "file", "state"), tuple(rows)), faults


def describe(plugins: Plugins) -> tuple[Table, list[Fault]]:
    """One row for each plugin that loaded, did not load, or was switched off."""
    rows: list[tuple[Cell, ...]] = []
    for one in plugins.loaded:
        key = (one.name, one.distribution)
        mine = [o for o in plugins.offers if (o.plugin, o.distribution) == key]
        parts = ", ".join(f"{offer.kind} {offer.name}" for offer in mine)
        rows.append((*key, one.version, one.hooks, parts, one.seconds, _state(key, plugins)))
    known = {(row[0], row[1]) for row in rows}
    for broken in plugins.broken:
        if (broken.name, broken.distribution) not in known:
            known.add((broken.name, broken.distribution))
            owner = (broken.name, broken.distribution, broken.version)
            rows.append((*owner, None, None, None, "did not load"))
    rows += [(None, name, None, None, None, None, "switched off") for name in plugins.disabled]
    faults: tuple[BrokenPlugin | PluginRemark, ...] = (*plugins.broken, *plugins.remarks)
    return Table("plugins", _HEADING, tuple(rows)), list(map(_fault, faults))


def _state(plugin: tuple[str, str], plugins: Plugins) -> str:
    if plugin in {(b.name, b.distribution) for b in plugins.broken}:
        return "works in part" if any(o.plugin == plugin[0] for o in plugins.offers) else "broken"
    remarked = plugin in {(r.name, r.distribution) for r in plugins.remarks}
    return "works, see below" if remarked else "sound"


def _fault(fault: BrokenPlugin | PluginRemark) -> Fault:
    return Fault(str(replace(fault, next_step="")), fault.next_step or "see there")
