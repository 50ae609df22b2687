"""GenFace on disk: images in folders, whatever their nesting.

The archive's layout is not public, so nothing is assumed but names: somewhere in an image's path
a folder is called after its generator, or is one of real images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from mfclip.data.finding import walk_images
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, Split
from mfclip.errors import DataError
from mfclip_data.faults import Faults, some
from mfclip_data.folder import SPLIT_FOLDERS

GENERATORS: Mapping[str, tuple[str, str]] = {
    "DDPM": ("EFS", "diffusion"),
    "LatDiff": ("EFS", "diffusion"),
    "CollDiff": ("EFS", "diffusion"),
    "Diffae": ("AM", "diffusion"),
    "LatTrans": ("AM", "GAN"),
    "IAFaces": ("AM", "GAN"),
    "DiffFace": ("FS", "diffusion"),
    "FSLSD": ("FS", "GAN"),
    "FaceSwapper": ("FS", "GAN"),
}
"""Forgery and family of the generators that the paper's tables name."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What the folders are called."""

    labels: Mapping[str, HierarchicalLabel]
    """By name of a folder, spelt by :func:`plain`."""
    ignore: Sequence[str] = ()
    """Names of folders that are left out."""
    identity: str = ""
    """Expression whose first group, found in a path below the root, names the identity."""


def plain(name: str) -> str:
    """A name without case and punctuation: ``Face-Swapper`` is ``FaceSwapper``."""
    return "".join(character for character in name.casefold() if character.isalnum())


def read_genface(root: Path, layout: Layout, faults: Faults) -> Manifest:
    """List the images. Raises :class:`DataError` where none has a label."""
    unnamed: dict[str, int] = {}
    rows = tuple(_rows(root, layout, unnamed, faults))
    for folder, count in unnamed.items():
        faults.missing(
            f"{folder}/: {count} images of no known generator; name its folder under "
            "generators or real, or leave it out with ignore"
        )
    faults.settle()
    absent = {"real", "fake"} - {row.label.label for row in rows}
    if absent:
        known = some((str(name) for name in layout.labels), 20)
        raise DataError(
            f"{root}: no {' and no '.join(sorted(absent))} images\n  folders looked for: {known}"
        )
    return Manifest(root, rows)


def _rows(root: Path, layout: Layout, unnamed: dict[str, int], faults: Faults) -> Iterator[Row]:
    ignored = set(map(plain, layout.ignore))
    told: set[PurePath] = set()
    for image in walk_images(root, faults.left_out):
        path = image.relative_to(root)
        names = [plain(name) for name in path.parent.parts]
        if ignored & set(names):
            continue
        labels = {layout.labels[name] for name in names if name in layout.labels}
        if len(labels) == 1:
            yield Row(path, labels.pop(), _split(path), _identity(path, layout), "genface")
        elif not labels:
            folder = path.parent.as_posix()
            unnamed[folder] = unnamed.get(folder, 0) + 1
        elif path.parent not in told:
            told.add(path.parent)
            faults.missing(f"{path.parent.as_posix()}/: several folders of it give a label")


def _split(path: PurePath) -> Split:
    """The split that a folder names."""
    found = [
        SPLIT_FOLDERS[name.lower()] for name in path.parent.parts if name.lower() in SPLIT_FOLDERS
    ]
    return found[0] if found else ""


def _identity(path: PurePath, layout: Layout) -> str:
    found = re.search(layout.identity, path.as_posix()) if layout.identity else None
    return found[1] if found else ""
