"""Data sets as parts of a recipe."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Dataset
from mfclip.recipe.settings import Settings

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest


class ManifestData(Dataset):
    """A table of images and labels: CSV, or Parquet with the extra ``parquet``.

    Columns ``path`` and ``label`` (real or fake) are enough; ``forgery``, ``family``,
    ``generator``, ``split``, ``identity``, ``group`` and ``video`` are read where they are there.
    """

    use: Literal["manifest"] = "manifest"
    """Name of the part."""
    root: Path
    """Folder that the paths of the table start from."""
    file: PurePath = PurePath("manifest.csv")  # not a Path: those start at the recipe's folder
    """The table, relative to ``root`` or absolute."""

    def build(self, context: BuildContext) -> Manifest:
        """Read the table. Raises :class:`DataError` with everything wrong in it."""
        from mfclip.data.manifest import read_manifest

        return read_manifest(self.root / self.file, self.root)


class GeneratorLabels(Settings):
    """The middle levels of one generator's label."""

    forgery: str = ""
    """Level 2: ``EFS``, ``AM`` or ``FS``."""
    family: str = ""
    """Level 3: ``diffusion`` or ``GAN``."""


class FolderData(Dataset):
    """Images in folders by class: ``real/`` and ``fake/``, or ``fake/<generator>/``.

    Above these there may be folders ``train``, ``val`` and ``test``. Folder names match in any
    case. Images may lie any number of folders deep, and are told by their names or their first
    bytes. What is left out is counted in a warning.
    """

    use: Literal["folder"] = "folder"
    """Name of the part."""
    root: Path
    """Folder that holds the class folders, or the split folders above them."""
    real: str = Field(default="real", min_length=1)
    """Name of the folders of real images."""
    fake: str = Field(default="fake", min_length=1)
    """Name of the folders of fake images."""
    generators: dict[str, GeneratorLabels] = Field(default={})
    """For the folders in ``fake``, by name: what kind of forgery each generator makes."""

    def build(self, context: BuildContext) -> Manifest:
        """List the images. Raises :class:`DataError` where the layout is another."""
        from mfclip_data.folder import FolderLayout, read_folder

        levels = {name: (one.forgery, one.family) for name, one in self.generators.items()}
        return read_folder(self.root, FolderLayout(self.real, self.fake, levels))
