"""A bundle that travels with the run: nodes need no copy of it, and no common disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mfclip.errors import BundleError
from mfclip.files import cache_folder, replace_folder, settled
from mfclip.locks import holding

MARKS = ("bundle.json", "model.xml")
"""A folder with one of these is a bundle, or an OpenVINO model."""


@dataclass(frozen=True)
class Carried:
    """The files of a bundle, or of an exported model."""

    name: str
    """Of the folder, or of the single file."""
    files: dict[str, bytes]
    """By their names in the folder."""
    registry: bytes | None
    """A registry file of the user's own."""

    @classmethod
    def of(cls, bundle: Path, registry: Path | None) -> Carried:
        """Read everything. Raises :class:`BundleError` for what is neither of them."""
        bundle = settled(bundle)
        _require_model(bundle)
        try:
            if bundle.is_dir():
                inner = [one for one in sorted(bundle.rglob("*")) if one.is_file()]
                files = {one.relative_to(bundle).as_posix(): one.read_bytes() for one in inner}
            else:
                beside = [bundle, bundle.with_suffix(".bin")]
                files = {one.name: one.read_bytes() for one in beside[: 1 + beside[1].is_file()]}
            own = None if registry is None else registry.read_bytes()
        except OSError as error:
            raise BundleError(f"{error.filename}: cannot be read: {error.strerror}") from error
        return cls(bundle.name if not bundle.is_dir() else "", files, own)

    def unpacked(self) -> tuple[Path, Path | None]:
        """The bundle and the registry file on this machine, one copy for all its actors.

        They lie in ``scale`` of :func:`mfclip.files.cache_folder`, by their content.
        """
        digest = hashlib.sha256(self.registry or b"")
        for name, content in sorted(self.files.items()):
            digest.update(f"{name}\0".encode() + hashlib.sha256(content).digest())
        folder = cache_folder() / "scale" / digest.hexdigest()[:32]
        with holding(folder, waiting=lambda _: None):
            if not folder.exists():
                with replace_folder(folder) as staged:
                    self._write(staged)
        registry = None if self.registry is None else folder / "registry.toml"
        return folder / "bundle" / self.name, registry

    def _write(self, staged: Path) -> None:
        for name, content in self.files.items():
            file = staged / "bundle" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        if self.registry is not None:
            (staged / "registry.toml").write_bytes(self.registry)


def _require_model(path: Path) -> None:
    """Before anything is read: a folder of images in a bundle's place would fill the memory."""
    marked = any((path / mark).is_file() for mark in MARKS)
    if not (marked or (path.is_file() and path.suffix in (".onnx", ".xml"))):
        raise BundleError(
            f"{path} is neither a bundle (the folder that mfclip-build writes, with bundle.json) "
            "nor an exported model (.onnx, or a folder with model.xml)"
        )
