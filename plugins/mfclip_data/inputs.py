"""Inputs beside the image that a row of the manifest gives: pictures, photos of fakes, masks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Input, Misfit

if TYPE_CHECKING:
    from mfclip_data.column import ReadsColumn
    from mfclip_data.pairs import KnowsPhoto, MasksForgery, ReadsPhoto


class ImageColumn(Input):
    """The picture that a column of the manifest names: a mask, or the photo a fake was made from.

    Paths start from the data's root. A row with an empty cell has a black picture of the image's
    size: a real face has no mask.
    """

    kept: ClassVar[bool] = False

    use: Literal["image-column"] = "image-column"
    """Name of the part."""
    column: str = Field(default="mask", min_length=1)
    """The column; the input is read by this name."""
    channels: Literal[1, 3] = 1
    """1: grey. 3: RGB."""

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column."""
        return (self.column,)

    def build(self, context: BuildContext) -> ReadsColumn:
        """Make the callable."""
        from mfclip_data.column import ReadsColumn

        return ReadsColumn(self.column, self.channels)


class OfPair(Input):
    """Base of what is made of an image and the photo that it was made from.

    The photo is named by the manifest's column ``counterpart``; where there is none, it is found
    by identity, video and frame. It is there in training only.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """The photo's."""
        return ("counterpart",)

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Clips, of which no photo can be named."""
        if context.frames is not None:
            yield Misfit(
                "",
                f"'{self.use}' is made of single images, and preprocessing.frames is "
                f"{context.frames}: leave frames out, or remove this input",
            )


class Counterpart(OfPair):
    """The real photo that a fake was made from, (3, h, w), 0-1, at the size of the fake.

    A real image is its own. So is a fake whose photo is not known: ``has-counterpart`` tells it.
    """

    kept: ClassVar[bool] = False
    photo: ClassVar[bool] = True

    use: Literal["counterpart"] = "counterpart"
    """Name of the part."""

    def build(self, context: BuildContext) -> ReadsPhoto:
        """Make the callable."""
        from mfclip_data.pairs import ReadsPhoto

        return ReadsPhoto()


class HasCounterpart(OfPair):
    """Whether the photo that an image was made from is known, (1,): 1 or 0. Of reals it is."""

    kept: ClassVar[bool] = False

    use: Literal["has-counterpart"] = "has-counterpart"
    """Name of the part."""

    def build(self, context: BuildContext) -> KnowsPhoto:
        """Make the callable."""
        from mfclip_data.pairs import KnowsPhoto

        return KnowsPhoto()


class ForgeryMask(OfPair):
    """Where an image was forged, (1, h, w), 0-1: zeros for a real image.

    The picture in the manifest's column ``mask``, where it names one. Else where the image and its
    photo differ: the absolute difference, mean over the colours, is smoothed and held against a
    threshold; specks go, holes are filled. A fake whose photo is not known has ones everywhere:
    its label, at every pixel.
    """

    use: Literal["forgery-mask"] = "forgery-mask"
    """Name of the part."""
    threshold: float = Field(default=0.05, gt=0, lt=1)
    """Smoothed difference above which a pixel was forged; re-encoding alone differs by less."""
    radius: float = Field(default=0.01, ge=0, le=0.2)
    """Deviation of the Gaussian that smooths, and radius of the disc that opens and closes the
    mask (1 pixel at least), as a share of the shorter side."""
    smallest: float = Field(default=0.001, ge=0, le=1)
    """Smallest piece of a mask, as a share of the image."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The photo's, and that of a mask of the data's own."""
        return ("counterpart", "mask")

    def build(self, context: BuildContext) -> MasksForgery:
        """Make the callable."""
        from mfclip_data.pairs import MasksForgery

        return MasksForgery(self.threshold, self.radius, self.smallest)
