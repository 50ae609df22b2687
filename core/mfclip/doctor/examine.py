"""The whole look at an installation. Whatever is broken, it goes on to the next subject."""

from __future__ import annotations

from pathlib import Path

from mfclip.doctor.findings import Report


def examine(registry: Path | None = None) -> Report:
    """Everything about the installation that a user or a bug report may need.

    Parameters
    ----------
    registry
        A registry file of the user's own.
    """
    report = Report()
    # Each subject is imported where it is looked at: what it needs may be broken.
    with report.surviving("the machine"):
        from mfclip.doctor.machine import machine

        report.add(machine)
    with report.surviving("the packages"):
        from mfclip.doctor.packages import optional_packages, packages

        report.add(packages)
        report.add(optional_packages)
    with report.surviving("the plugins"):
        _plugins(report, registry)
    with report.surviving("the cache"):
        from mfclip.doctor.machine import cache

        report.add(cache)
    return report


def _plugins(report: Report, registry: Path | None) -> None:
    from mfclip.doctor.plugins import describe, find

    plugins, files, faults = find(registry)
    table, broken = describe(plugins)
    report.tables += [table, files]
    report.faults += [*broken, *faults]
