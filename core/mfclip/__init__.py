"""mfclip: a plugin-style, extensible face-forgery detector framework.

What plugin authors and users need is here by name; each loads on first use, so that importing
``mfclip`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mfclip.moved import follow_moves
from mfclip.version import __version__

if TYPE_CHECKING:
    from mfclip.data.labels import HierarchicalLabel
    from mfclip.data.manifest import Manifest, Row
    from mfclip.data.protocols import (
        Corrupts,
        Forges,
        LearnsFromReals,
        MakesInput,
        PromptRenderer,
        Tokenises,
    )
    from mfclip.data.source import Source
    from mfclip.detector.outputs import Outputs, Targets
    from mfclip.detector.protocols import (
        HasParameterGroups,
        ParameterGroup,
        PreparesEpochs,
        ShowsGate,
        ShowsPatches,
        ShowsTexture,
        Similarity,
        StepsItself,
        TrainingBatch,
    )
    from mfclip.errors import DataError, MfclipError, PluginError, UsageError
    from mfclip.faces.face import Face, Locates
    from mfclip.hookspecs import hookimpl
    from mfclip.inference.loaded import load
    from mfclip.parts import (
        Alignment,
        BuildContext,
        Corruption,
        Dataset,
        Detector,
        ImageEncoder,
        Input,
        Locator,
        Loss,
        Misfit,
        Origin,
        Prompts,
        PseudoFake,
        TextEncoder,
    )

__all__ = [
    "Alignment",
    "BuildContext",
    "Corruption",
    "Corrupts",
    "DataError",
    "Dataset",
    "Detector",
    "Face",
    "Forges",
    "HasParameterGroups",
    "HierarchicalLabel",
    "ImageEncoder",
    "Input",
    "LearnsFromReals",
    "Locates",
    "Locator",
    "Loss",
    "MakesInput",
    "Manifest",
    "MfclipError",
    "Misfit",
    "Origin",
    "Outputs",
    "ParameterGroup",
    "PluginError",
    "PreparesEpochs",
    "PromptRenderer",
    "Prompts",
    "PseudoFake",
    "Row",
    "ShowsGate",
    "ShowsPatches",
    "ShowsTexture",
    "Similarity",
    "Source",
    "StepsItself",
    "Targets",
    "TextEncoder",
    "Tokenises",
    "TrainingBatch",
    "UsageError",
    "__version__",
    "hookimpl",
    "load",
]

_HOMES = {
    "mfclip.data.labels": ("HierarchicalLabel",),
    "mfclip.data.manifest": ("Manifest", "Row"),
    "mfclip.data.protocols": (
        *("Corrupts", "Forges", "LearnsFromReals", "MakesInput", "PromptRenderer", "Tokenises"),
    ),
    "mfclip.data.source": ("Source",),
    "mfclip.detector.outputs": ("Outputs", "Targets"),
    "mfclip.detector.protocols": (
        "HasParameterGroups",
        "ParameterGroup",
        "PreparesEpochs",
        "ShowsGate",
        "ShowsPatches",
        "ShowsTexture",
        "Similarity",
        "StepsItself",
        "TrainingBatch",
    ),
    "mfclip.faces.face": ("Face", "Locates"),
    "mfclip.errors": ("DataError", "MfclipError", "PluginError", "UsageError"),
    "mfclip.hookspecs": ("hookimpl",),
    "mfclip.inference.loaded": ("load",),
}
"""Where the names are that are no parts, by module."""
_ELSEWHERE = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import the module that holds a public name when the name is first asked for."""
    if name not in __all__:
        raise AttributeError(f"module 'mfclip' has no attribute {name!r}")
    return getattr(import_module(_ELSEWHERE.get(name, "mfclip.parts")), name)


follow_moves()
