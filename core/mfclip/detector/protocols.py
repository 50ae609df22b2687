"""The contracts of built parts, as structural types: a plugin need not inherit anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

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


class ParameterGroup(NamedTuple):
    """Parameters that the optimiser treats in a way of their own."""

    prefix: str
    """Of their names in the module that says so; empty: all of them. The longest prefix counts."""
    rate: float = 1.0
    """Factor of the learning rate."""
    decay: float = 1.0
    """Factor of the weight decay."""


@runtime_checkable
class HasParameterGroups(Protocol):
    """A module whose parameters do not all learn alike."""

    def parameter_groups(self) -> Iterable[ParameterGroup]:
        """The groups; what no group names is treated as the settings say."""


@runtime_checkable
class PreparesEpochs(Protocol):
    """A module that looks at the training images before an epoch begins."""

    def before_epoch(self, epoch: int, batches: Iterable[TrainingBatch]) -> None:
        """Called before each epoch, counted from 0, without gradients.

        What it finds it keeps in buffers: a run that is resumed inside an epoch does not call it
        again for that epoch. ``batches`` may be left alone, or read in part; each pass over them
        decodes the images anew, without augmentation. Each of several processes does it, with all
        of the images.
        """


class TrainingBatch(NamedTuple):
    """What :class:`PreparesEpochs` sees."""

    images: Float[Tensor, "batch *frames 3 height width"]
    """On the device, 0-1; clips are (B, T, 3, H, W)."""
    reads: Mapping[str, Any]
    """``label``, ``prompt``, ``index``, ``group`` and whatever else the detector reads, by name."""


@runtime_checkable
class StepsItself(Protocol):
    """A whole detector that does more in a step than one forward pass."""

    def training_loss(
        self,
        images: Float[Tensor, "batch *frames 3 height width"],
        reads: Mapping[str, Any],
        loss: Callable[[object], Tensor],
    ) -> Tensor:
        """What the step minimises, a scalar.

        ``loss`` is the recipe's objective: outputs -> scalar. It may be called more than once,
        after forward passes on other inputs or with gradients taken in between; the first call's
        terms are the ones that are logged. ``reads`` are the keyword arguments of ``forward``.
        Of several processes each is given its share of a batch, while ``loss`` is that of the whole
        batch; a gradient of it by a process's own rows is as many times too large as there are
        processes.
        """
