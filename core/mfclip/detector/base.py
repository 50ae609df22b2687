"""What the framework asks of every detector, whatever it is made of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn

from mfclip.detector.outputs import Outputs
from mfclip.detector.reading import select
from mfclip.output_names import Shape


class Pass(NamedTuple):
    """One part's forward pass as it runs in training or scoring, to count what it costs."""

    path: str
    """Where the part sits in the recipe: ``vision``, ``text``, ..."""
    module: nn.Module
    inputs: tuple[Tensor, ...]
    per: Literal["image", "step"]
    """What the pass is for: one image, or one training step."""
    reads: Mapping[str, Tensor] = {}
    """Keyword arguments beside the inputs."""


class DetectorModule(nn.Module):
    """Images in, :class:`Outputs` out: the one face of assembled and of whole detectors."""

    TRAINING_ONLY: ClassVar[tuple[str, ...]] = ()
    """Children whose weights only training uses. A bundle may do without them."""
    labels: Mapping[str, str]
    """How messages name the parts, by their place in the recipe."""
    shapes: Mapping[str, Shape] = MappingProxyType({})
    """Of outputs of its own, by their names."""
    reads: frozenset[str] = frozenset()
    """What its forward takes beside the images; see :mod:`mfclip.reads`."""

    @abstractmethod
    def forward(
        self, images: Float[Tensor, "batch *frames 3 height width"], **reads: Any
    ) -> Outputs:
        """What it gives for images 0-1, RGB, with whatever of :attr:`reads` there is."""

    def training_loss(
        self,
        images: Float[Tensor, "batch *frames 3 height width"],
        reads: Mapping[str, Any],
        loss: Callable[[Outputs], Tensor],
    ) -> Tensor:
        """What a step minimises: ``loss`` of one forward pass, unless the detector does more."""
        return loss(self(images, **select(reads, self.reads)))

    @abstractmethod
    def parts(self) -> dict[str, nn.Module]:
        """The modules of the recipe's parts, by their place in it."""

    @abstractmethod
    def scoring(self) -> DetectorModule:
        """The detector without what only training runs; it shares the weights."""

    @abstractmethod
    def passes(
        self,
        sample: Float[Tensor, "1 *frames 3 size size"],
        prompts: int,
        batch: int,
        beside: Mapping[str, Tensor],
    ) -> Iterator[Pass]:
        """Each part's forward pass.

        Of one ``sample``, an image or a clip, with what is ``beside`` it, or of a step of
        ``batch`` pairs with so many distinct ``prompts``.
        """

    def pairs(
        self,
        images: Float[Tensor, "batch *frames 3 height width"],
        prompt: Int[Tensor, " batch"],
        **reads: Any,
    ) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch d"]] | None:
        """X_v and T_l of pairs, before any alignment; None where no text is embedded.

        ``reads`` is what the recipe has beside the images, by name.
        """
        return None

    @property
    def has_training_only(self) -> bool:
        """Whether any of :attr:`TRAINING_ONLY` is there."""
        return any(getattr(self, name, None) is not None for name in self.TRAINING_ONLY)
