"""Whose plugin a class comes from, read from what is installed; nothing is imported for it."""

from __future__ import annotations

import sys
from functools import cache
from importlib import metadata

from mfclip.plugins.discovery import GROUP
from mfclip.plugins.entry_points import EntryPoint, find_entry_points


def owner_of(schema: type) -> EntryPoint | None:
    """The entry point of the package that defines a class; None where no plugin does.

    The first question about a package reads the metadata of everything installed, in
    milliseconds.
    """
    package = schema.__module__.partition(".")[0]
    file = getattr(sys.modules.get(package), "__file__", None)
    return _owner(package, file)


@cache
def _owner(package: str, file: str | None) -> EntryPoint | None:
    """``file`` tells apart packages of one name that were installed one after the other."""
    points, _ = find_entry_points(GROUP)
    own = (point for point in points if point.package == package)
    helper = (point for point in points if _ships(point.distribution, package))
    return next(own, None) or next(helper, None)


def _ships(distribution: str, package: str) -> bool:
    """Whether a distribution has files of a package that its entry points do not name."""
    try:
        files = metadata.files(distribution) or ()
    except metadata.PackageNotFoundError:
        return False
    return any(file.parts[0] in (package, f"{package}.py") for file in files)
