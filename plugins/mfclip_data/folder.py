"""Reading folders by class into a manifest."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mfclip.data.finding import walk_images
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.left_out import LeftOut
from mfclip.data.manifest import Manifest, Row, Split
from mfclip.errors import DataError
from mfclip_data.faults import some

SPLIT_FOLDERS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}
"""Folder names, in lower case, that name a split."""


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """How the folders are called and what is known of the generators."""

    real: str = "real"
    fake: str = "fake"
    levels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Forgery and family by generator folder."""


def read_folder(root: Path, layout: FolderLayout) -> Manifest:
    """List the images of ``root`` by class, sorted. Warns of what is left out.

    Raises
    ------
    DataError
        With what was found there and which layout is expected: where ``root`` is no folder, a
        class is missing or empty, or a generator of ``layout.levels`` has no folder.
    """
    if not root.is_dir():
        state = "is a file" if root.exists() else "does not exist"
        raise DataError(f"{root}: {state}, where a folder of images is wanted; check root")
    left_out = LeftOut()
    rows = tuple(_rows(root, layout, left_out))
    _check(root, layout, rows)
    if left_out:
        warnings.warn(f"{root}: left out (no images): {left_out}", stacklevel=2)
    strays = list(_strays(root, layout))
    if strays:
        warnings.warn(f"{root}: left out (in no class folder): {some(strays)}", stacklevel=2)
    return Manifest(root, rows)


def _rows(root: Path, layout: FolderLayout, left_out: LeftOut) -> Iterator[Row]:
    yield from _class_rows(root, root, layout, "", left_out)
    for folder in _subfolders(root):
        split = SPLIT_FOLDERS.get(folder.name.lower())
        if split is not None:
            yield from _class_rows(root, folder, layout, split, left_out)


def _class_rows(
    root: Path, above: Path, layout: FolderLayout, split: Split, left_out: LeftOut
) -> Iterator[Row]:
    for folder in _subfolders(above):
        name = folder.name.lower()
        if name == layout.real.lower():
            for image in walk_images(folder, left_out):
                yield Row(image.relative_to(root), HierarchicalLabel("real"), split)
        elif name == layout.fake.lower():
            for image in walk_images(folder, left_out):
                yield Row(image.relative_to(root), _fake(image.relative_to(folder), layout), split)


def _fake(inside: Path, layout: FolderLayout) -> HierarchicalLabel:
    """The label of an image by its path inside the folder of fakes."""
    generator = inside.parts[0] if len(inside.parts) > 1 else ""
    forgery, family = layout.levels.get(generator, ("", ""))
    return HierarchicalLabel("fake", forgery, family, generator)


def _strays(root: Path, layout: FolderLayout) -> Iterator[str]:
    """What lies beside the folders of classes and splits; hidden entries aside."""
    classes = {layout.real.lower(), layout.fake.lower()}
    for above in (root, *(f for f in _subfolders(root) if f.name.lower() in SPLIT_FOLDERS)):
        known = classes | (SPLIT_FOLDERS.keys() if above == root else set())
        for entry in sorted(above.iterdir()):
            folder = entry.is_dir()
            if not (entry.name.startswith(".") or (folder and entry.name.lower() in known)):
                yield f"{entry.relative_to(root).as_posix()}{'/' if folder else ''}"


def _subfolders(folder: Path) -> list[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be listed: {error.strerror}") from error
    return [entry for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def _check(root: Path, layout: FolderLayout, rows: tuple[Row, ...]) -> None:
    labels = {row.label.label for row in rows}
    problems = [f"no {label} images" for label in ("real", "fake") if label not in labels]
    generators = {row.label.generator for row in rows} - {""}
    problems += _unknown(layout, generators)
    if problems:
        told = "\n".join(f"{root}: {problem}" for problem in problems)
        raise DataError(f"{told}\n  {_found(root)}\n  {_expected(layout)}")


def _unknown(layout: FolderLayout, generators: set[str]) -> Iterator[str]:
    for name in sorted(set(layout.levels) - generators):
        near = difflib.get_close_matches(name, generators, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(sorted(generators)) or "none"
        yield f"generators names {name!r}, which has no folder{hint} (there are: {listed})"


def _found(root: Path) -> str:
    names = [f"{entry.name}/" if entry.is_dir() else entry.name for entry in sorted(root.iterdir())]
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"found in it: {', '.join(names[:10]) or 'nothing'}{more}"


def _expected(layout: FolderLayout) -> str:
    real, fake = layout.real, layout.fake
    return (
        f"expected: {real}/IMAGES and {fake}/IMAGES or {fake}/GENERATOR/IMAGES, "
        f"or these below train/, val/ and test/; other names: set real and fake under [data]"
    )
