"""The sample set as a part of a recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Dataset

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest


class SampleData(Dataset):
    """The embedded sample set: drawn faces and drawn forgeries, made on first use, no download.

    It shows that everything works; it says nothing about real faces.
    """

    synthetic: ClassVar[bool] = True

    use: Literal["sample"] = "sample"
    """Name of the part."""
    images: int = Field(default=600, ge=12, multiple_of=2)
    """Images in all, half of them fake."""
    size: int = Field(default=224, ge=32, le=2048)
    """Side of each image, pixels."""
    seed: int = Field(default=0, ge=0)
    """The same seed draws the same images."""

    def build(self, context: BuildContext) -> Manifest:
        """Read the set from its cache; draw it first where it is not there."""
        from mfclip.data.manifest import read_manifest
        from mfclip_sample.make import make_sample
        from mfclip_sample.place import sample_folder

        folder = sample_folder(self.images, self.size, self.seed)
        made = make_sample(
            folder, images=self.images, size=self.size, seed=self.seed, progress=context.progress
        )
        return read_manifest(made)
