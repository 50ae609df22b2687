"""What mfclip needs and what is there, read from the metadata of what is installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement

from mfclip.doctor.findings import Fault, Table

OURS = "mfclip"


@dataclass(frozen=True, slots=True)
class Need:
    """One package that mfclip, or one of its extras, needs."""

    requirement: Requirement
    extra: str
    """The extra that asks for it; empty for mfclip itself."""
    installed: str | None
    """Its version here."""

    @property
    def is_met(self) -> bool:
        """Whether a version that will do is installed."""
        return self.installed is not None and self.requirement.specifier.contains(
            self.installed, prereleases=True
        )


def needs() -> list[Need]:
    """Every package that mfclip and its extras need, mfclip's own first."""
    return [
        Need(requirement, extra, _version(requirement.name))
        for extra in ("", *extras())
        for requirement in _required(extra)
    ]


def extras() -> list[str]:
    """The extras that mfclip can be installed with."""
    found: Any = metadata.metadata(OURS)
    return list(found.get_all("Provides-Extra") or ())


def packages() -> tuple[Table, list[Fault]]:
    """What mfclip needs always."""
    own = [need for need in needs() if not need.extra]
    rows = tuple((n.requirement.name, n.installed, str(n.requirement.specifier)) for n in own)
    return Table("packages", ("package", "installed", "needed"), rows), [
        _unmet(need) for need in own if not need.is_met
    ]


def optional_packages() -> tuple[Table, list[Fault]]:
    """The extras: what each needs, what of it is there, how to get it."""
    found, faults = needs(), []
    rows: list[tuple[str, str, str, str]] = []
    for extra in extras():
        mine = [need for need in found if need.extra == extra]
        lacking = [need for need in mine if not need.is_met]
        # An extra that nobody asked for is no fault; one that is there in a wrong version is.
        faults += [_unmet(need) for need in lacking if need.installed]
        have = ", ".join(f"{n.requirement.name} {n.installed}" for n in mine if n.is_met)
        missing = ", ".join(str(n.requirement).partition(";")[0].strip() for n in lacking)
        rows.append((extra, have, missing, f"pip install '{OURS}[{extra}]'" if lacking else ""))
    return Table("extras", ("extra", "installed", "missing", "to get it"), tuple(rows)), faults


def _required(extra: str) -> Iterator[Requirement]:
    """What an extra adds; an extra that names others of ours adds theirs."""
    for line in metadata.requires(OURS) or ():
        requirement = Requirement(line)
        always = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        wanted = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        if not wanted or (extra and always):
            continue
        if requirement.name == OURS:
            for inner in sorted(requirement.extras):
                yield from _required(inner)
        else:
            yield requirement


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except Exception:  # absent, or its metadata are damaged
        return None


def _unmet(need: Need) -> Fault:
    name, who = need.requirement.name, f"{OURS}[{need.extra}]" if need.extra else OURS
    have = f"{name} {need.installed} is installed" if need.installed else f"{name} is missing"
    wanted = f"{name}{need.requirement.specifier}"
    return Fault(f"{have}, and {who} needs {wanted}", f"pip install '{wanted}'")
