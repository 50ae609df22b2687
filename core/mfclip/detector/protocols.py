"""The contracts of built parts, as structural types: a plugin need not inherit anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from mfclip.data.protocols import Corrupts as Corrupts
from mfclip.data.protocols import PromptRenderer as PromptRenderer

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from torch import Tensor


class Similarity(Protocol):
    """The two similarity matrices of a batch of B pairs."""

    @property
    def v2l(self) -> Float[Tensor, "batch batch"]:
        """Row i: image i against every text."""

    @property
    def l2v(self) -> Float[Tensor, "batch batch"]:
        """Row i: text i against every image."""

    @property
    def normalised(self) -> bool:
        """False: logits, to be softmaxed by row. True: log-weights, to be read as they are.

        The gate on the softmax (Eq. 9-10) gives rows that do not sum to one, so a second
        softmax would undo it.
        """


@runtime_checkable
class ShowsPatches(Protocol):
    """An encoder that looks at one patch of each image and can show it."""

    def richest_patch(self, images: Float[Tensor, "batch 3 height width"]) -> PatchView:
        """The patch it reads, and what it sees there."""


class PatchView(Protocol):
    """What :class:`ShowsPatches` gives. ``p`` is the side of the patch, pixels."""

    @property
    def box(self) -> Float[Tensor, "batch 4"]:
        """left, top, right, bottom; pixels of the preprocessed image."""

    @property
    def patch(self) -> Float[Tensor, "batch 3 p p"]:
        """The pixels, 0-1."""

    @property
    def noise(self) -> Float[Tensor, "batch channels p p"]:
        """The filter residual of the patch."""


@runtime_checkable
class ShowsTexture(Protocol):
    """An encoder that orders the patches of an image by texture and can show both ends."""

    def texture_ends(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> tuple[TextureView, TextureView]:
        """The richest and the poorest patch of each image, with their noise."""


class TextureView(PatchView, Protocol):
    """What :class:`ShowsTexture` gives: a patch as in :class:`PatchView`, and its texture."""

    @property
    def homogeneity(self) -> Float[Tensor, " batch"]:
        """Of the patch's grey-level co-occurrence matrix, 0-1; the smaller, the richer."""


@runtime_checkable
class ShowsGate(Protocol):
    """An alignment that weighs pairs and can show by how much."""

    def gate_of(
        self,
        visual: Float[Tensor, "batch width"],
        text: Float[Tensor, "batch width"],
        prompt: Int[Tensor, " batch"] | None = None,
    ) -> Float[Tensor, "batch batch"]:
        """The gate of each image (rows) against each text (columns), 0-1."""
