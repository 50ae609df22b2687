"""Schemas of both parts. Nothing here imports torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip import BuildContext, Detector, Loss

if TYPE_CHECKING:
    from acme_localiser.localiser import Localiser, MaskLoss

CHANGED = "acme.changed"
"""The map: log-odds that a place was changed, (B, 1, h, w)."""


class AcmeLocaliser(Detector):
    """A small CNN that marks changed places and judges the image by the marks."""

    gives: ClassVar[frozenset[str]] = frozenset({"logits", CHANGED})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {CHANGED: ("batch", 1, "h", "w")}

    use: Literal["acme-localiser"] = "acme-localiser"
    """Name of the part."""
    widths: tuple[int, ...] = Field(default=(16, 32), min_length=1)
    """Channels after each convolution; each halves the image."""

    def build(self, context: BuildContext) -> Localiser:
        """Make the module."""
        from acme_localiser.localiser import Localiser

        return Localiser(self.widths)


class AcmeMask(Loss):
    """Binary cross-entropy of the map with the mask of what was changed."""

    needs: ClassVar[frozenset[str]] = frozenset({CHANGED})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {CHANGED: ("batch", 1, 8, 8)}
    reads: ClassVar[frozenset[str]] = frozenset({"mask"})

    use: Literal["acme-mask"] = "acme-mask"
    """Name of the part."""

    def build(self, context: BuildContext) -> MaskLoss:
        """Make the loss."""
        from acme_localiser.localiser import MaskLoss

        return MaskLoss()
