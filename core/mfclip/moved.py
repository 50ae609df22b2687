"""Modules that have moved: their earlier names go on working, and say where they are now.

Whoever wrote ``from mfclip.discovery import discover`` gets the very module of the new name, so
classes and functions are the same objects. Nothing is imported before somebody asks.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "mfclip.building.pictures": "mfclip.explain.pictures",
    "mfclip.data.sample": "mfclip_sample",
    "mfclip.describe": "mfclip.recipe.describe",
    "mfclip.detector.bundle": "mfclip.bundle.folder",
    "mfclip.detector.bundle_json": "mfclip.bundle.description",
    "mfclip.detector.card": "mfclip.bundle.card",
    "mfclip.detector.json_text": "mfclip.bundle.json_text",
    "mfclip.detector.limits": "mfclip.bundle.limits",
    "mfclip.detector.weights": "mfclip.bundle.weights",
    "mfclip.discovery": "mfclip.plugins.discovery",
    "mfclip.entry_points": "mfclip.plugins.entry_points",
    "mfclip.evaluation.bootstrap": "mfclip.metrics.bootstrap",
    "mfclip.evaluation.calibration": "mfclip.metrics.calibration",
    "mfclip.evaluation.cautions": "mfclip.metrics.cautions",
    "mfclip.evaluation.corrupted": "mfclip.inference.corrupted",
    "mfclip.evaluation.counterparts": "mfclip.metrics.counterparts",
    "mfclip.evaluation.curves": "mfclip.metrics.curves",
    "mfclip.evaluation.delong": "mfclip.metrics.delong",
    "mfclip.evaluation.matching": "mfclip.metrics.matching",
    "mfclip.evaluation.metrics": "mfclip.metrics.measures",
    "mfclip.evaluation.operating": "mfclip.metrics.operating",
    "mfclip.evaluation.paired": "mfclip.metrics.paired",
    "mfclip.evaluation.report.svg": "mfclip.pages.svg",
    "mfclip.evaluation.report.words": "mfclip.pages.words",
    "mfclip.evaluation.results": "mfclip.metrics.results",
    "mfclip.evaluation.scores": "mfclip.metrics.scores",
    "mfclip.evaluation.videos": "mfclip.metrics.videos",
    "mfclip.offers": "mfclip.plugins.offers",
    "mfclip.plugin_checks": "mfclip.plugins.checks",
    "mfclip.plugin_loading": "mfclip.plugins.loading",
    "mfclip.plugin_owners": "mfclip.plugins.owners",
    "mfclip.plugin_remedies": "mfclip.plugins.remedies",
    "mfclip.plugin_versions": "mfclip.plugins.versions",
    "mfclip.registry": "mfclip.recipe.registry",
    "mfclip.training.allocator": "mfclip.compute.allocator",
    "mfclip.training.devices": "mfclip.compute.devices",
    "mfclip.training.precision": "mfclip.compute.precision",
    "mfclip.suggest": "mfclip.text",
    "mfclip.weight_files": "mfclip.weights.files",
}
"""Earlier name -> name now; a package stands for everything in it."""


class _Alias(Loader):
    """Gives the module of another name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module where it is now."""
        self.module = import_module(self.name)
        self.spec = self.module.__spec__
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        """It has run under its own name, whose spec it keeps."""
        module.__spec__ = self.spec


class Moved(MetaPathFinder):
    """Finds modules by their earlier names."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's new place; None for whatever has not moved."""
        name = where_now(fullname) if fullname.startswith("mfclip.") else None
        if name is None:
            return None
        text = f"{fullname} is now {name}; the earlier name ends with version 2 of the hooks"
        warnings.warn(text, DeprecationWarning, stacklevel=2)
        return ModuleSpec(fullname, _Alias(name), is_package=True)


def where_now(name: str) -> str | None:
    """The name now of a module that has moved, or that lies in a package that has."""
    package = name
    while package:
        if package in MOVED:
            return MOVED[package] + name.removeprefix(package)
        package = package.rpartition(".")[0]
    return None


def follow_moves() -> None:
    """Let imports of earlier names succeed from now on."""
    if not any(isinstance(finder, Moved) for finder in sys.meta_path):
        sys.meta_path.insert(0, Moved())
