"""Inputs beside the image: made once by a part, kept on disk, handed to whoever reads them.

What is kept lies in ``inputs`` of :func:`mfclip.files.cache_folder`, by the content of the image,
of the files that the row names, and of the part's settings: an image that is copied or moved keeps
its inputs, one that is edited gets new ones. Plain ``.npy`` files, no pickle.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mfclip.data.protocols import MakesInputs
from mfclip.data.source import Source
from mfclip.errors import MfclipError, PluginError, in_one_line
from mfclip.files import cache_folder, replace_file, sha256

if TYPE_CHECKING:
    from mfclip.data.protocols import MakesInput


@dataclass(frozen=True)
class Maker:
    """One input of a recipe."""

    name: str
    """What readers call it."""
    make: MakesInput
    columns: tuple[str, ...] = ()
    """Columns of the manifest that it needs; without any it is made of the image alone."""
    label: str = "input"
    """How messages name the part."""
    settings: str = ""
    """The part with all its settings and its version, as text: another one makes other inputs."""
    kept: bool = True
    """Whether what it makes is kept on disk."""
    photo: bool = False
    """Whether it comes to the detector's size as the image does."""

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        own = hashlib.sha256(f"{self.name}\0{self.settings}".encode()).hexdigest()[:16]
        return cache_folder() / "inputs" / f"{self.name}-{own}"


@dataclass(frozen=True)
class Inputs:
    """Every input of a recipe."""

    makers: tuple[Maker, ...] = ()
    read: frozenset[str] = field(default_factory=frozenset)
    """Names that something reads; nothing else is made."""

    def of(
        self, sources: Sequence[Source], *, scoring: bool = False, keep: bool = True
    ) -> dict[str, list[Tensor]]:
        """Each input of each image: maps (c, h, w) or vectors (n,), uint8 or float.

        ``scoring`` leaves out those that need a row of a manifest. Without ``keep`` nothing is
        written: for images that will not come again.

        Raises
        ------
        PluginError
            Where a part fails or gives something else; names the part.
        """
        wanted = [one for one in self.makers if one.name in self.read]
        return {
            one.name: _made(one, sources, keep=keep)
            for one in wanted
            if not (scoring and one.columns)
        }

    @property
    def photos(self) -> frozenset[str]:
        """Names of those that come to the detector's size as the image does."""
        return frozenset(one.name for one in self.makers if one.photo)

    @property
    def of_image(self) -> Inputs:
        """Those that are made of the image alone."""
        return replace(self, makers=tuple(one for one in self.makers if not one.columns))

    @property
    def of_row(self) -> Inputs:
        """Those that need a row of a manifest."""
        return replace(self, makers=tuple(one for one in self.makers if one.columns))


def _made(maker: Maker, sources: Sequence[Source], *, keep: bool) -> list[Tensor]:
    """What was kept, and the rest made together."""
    if not maker.kept:
        return _make(maker, sources)
    files = [maker.folder / _key(maker, source) for source in sources]
    found = {file: kept for file in files if (kept := _read(file)) is not None}
    lacking = {file: one for file, one in zip(files, sources, strict=True) if file not in found}
    made = _make(maker, list(lacking.values())) if lacking else []
    for file, one in zip(lacking, made, strict=True):
        found[file] = one
        if keep:
            _keep(file, one)
    return [found[file] for file in files]


def _keep(file: Path, made: Tensor) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(file) as staged, staged.open("wb") as stream:
        np.save(stream, made.numpy(), allow_pickle=False)


def _read(file: Path) -> Tensor | None:
    """What was kept; None where nothing was, or what is there is damaged."""
    try:
        return torch.from_numpy(np.load(file, allow_pickle=False))
    except (OSError, ValueError, EOFError):
        return None


def _make(maker: Maker, sources: Sequence[Source]) -> list[Tensor]:
    make = maker.make
    try:
        if isinstance(make, MakesInputs):
            made = make.many(sources)
        else:
            made = [make(source) for source in sources]
    except MfclipError:
        raise
    except Exception as error:
        raise PluginError(f"{maker.label} failed: {in_one_line(error)}") from error
    if len(made) != len(sources):
        raise PluginError(f"{maker.label} gave {len(made)} inputs of {len(sources)} images")
    return [_checked(maker, one) for one in made]


def _checked(maker: Maker, made: object) -> Tensor:
    if isinstance(made, Tensor) and made.ndim in (1, 3) and made.dtype in KINDS:
        return made.detach().cpu().contiguous()
    got = f"{made.dtype}, {tuple(made.shape)}" if isinstance(made, Tensor) else type(made).__name__
    raise PluginError(
        f"{maker.label} gave {got}; expected a map (c, h, w) or a vector (n,), uint8, float16 or "
        "float32"
    )


KINDS = (torch.uint8, torch.float16, torch.float32)
"""What an input may be made of; uint8 stands for 0-1."""


def _key(maker: Maker, source: Source) -> str:
    """Name of the file: a hash of everything that the input depends on."""
    pixels = source.image.contiguous().cpu().numpy()
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.tobytes())
    cells = {name: _content(source, name) for name in maker.columns}
    digest.update(json.dumps(cells, sort_keys=True).encode())
    if maker.columns:  # what a row says may be what an input is made from
        digest.update(repr(source.is_fake).encode())
    name = digest.hexdigest()
    return f"{name[:2]}/{name[2:]}.npy"


def _content(source: Source, column: str) -> str:
    """What a cell says; where it names a file, what is in it."""
    cell = source.cells.get(column, "")
    file = (source.root or Path()) / cell
    return sha256(file) if cell and file.is_file() else cell
