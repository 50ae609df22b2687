"""The detectors that are compared, each under a name of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mfclip.errors import UsageError
from mfclip.pages.svg import SERIES
from mfclip.text import numbered

if TYPE_CHECKING:
    from mfclip.inference.loaded import LoadedDetector
    from mfclip.recipe.settings import FacesSettings


class Named(NamedTuple):
    """A detector and what the page calls it."""

    name: str
    loaded: LoadedDetector
    """In float32, which heat maps need for their gradients."""
    judge: LoadedDetector
    """In the arithmetic of its figures: scores and verdicts are those of ``mfclip score``."""


def load_all(
    folders: Sequence[Path],
    *,
    device: str,
    precision: str | None = None,
    registry: str | None,
    faces: FacesSettings | bool | None = None,
) -> list[Named]:
    """Load bundles, each once more in float32 where its figures were made in another precision.

    ``faces`` is that of :func:`mfclip.load`, the same for all.

    Raises:
        UsageError: There are more than a page has room for.
        BundleError: A folder is no bundle.
    """
    import torch

    from mfclip.inference.loaded import load

    if len(folders) > len(SERIES):
        raise UsageError(f"at most {len(SERIES)} detectors fit side by side, got {len(folders)}")
    names = names_of(folders)
    named = []
    for name, folder in zip(names, folders, strict=True):
        judge = load(folder, device, precision, registry=registry, faces=faces)
        exact = judge.arithmetic.used == torch.float32
        loaded = judge if exact else load(folder, device, "fp32", registry=registry, faces=faces)
        named.append(Named(name, loaded, judge))
    return named


def names_of(folders: Sequence[Path]) -> list[str]:
    """The folders' names; where one comes up twice, with a number."""
    return numbered(folder.resolve().name for folder in folders)
