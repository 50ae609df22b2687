"""A plugin's whole detector, behind the face that every detector has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from mfclip.detector.base import DetectorModule, Pass
from mfclip.detector.contracts import expect_given, expect_outputs, expect_shapes, expect_tensor
from mfclip.detector.outputs import Outputs
from mfclip.detector.protocols import StepsItself
from mfclip.detector.reading import select
from mfclip.output_names import Shape


class PluginDetector(DetectorModule):
    """A module of its own making: plain logits become :class:`Outputs`, promises are checked.

    Parameters
    ----------
    inner
        Images (B, 3, H, W) -> logits (B, 2), real first, or :class:`Outputs`.
    gives, shapes
        Outputs that it promises in training, and the shapes of its own ones.
    reads
        What its forward takes beside the images, by keyword.
    training_only
        Names of its children whose weights only training uses.
    """

    def __init__(
        self,
        inner: nn.Module,
        label: str = "detector",
        gives: Collection[str] = (),
        shapes: Mapping[str, Shape] | None = None,
        reads: Iterable[str] = (),
        training_only: Iterable[str] = (),
    ) -> None:
        super().__init__()
        self.inner = inner
        self.gives, self.shapes = tuple(gives), dict(shapes or {})
        self.reads = frozenset(reads)
        self.labels = {"detector": label}
        self.TRAINING_ONLY = tuple(f"inner.{name}" for name in sorted(training_only))  # type: ignore[misc]

    def forward(
        self, images: Float[Tensor, "batch *frames 3 height width"], **reads: Any
    ) -> Outputs:
        """What the plugin gives.

        Raises
        ------
        PluginError
            Where that is neither :class:`Outputs` nor a tensor, or not of shape (B, 2), where
            an output of its own has another shape than it declares, and where in training an
            output is absent that the part's ``gives`` names.
        """
        given = self.inner(images, **select(reads, self.reads))
        return self._checked(given, len(images))

    def _checked(self, given: object, batch: int) -> Outputs:
        label = self.labels["detector"]
        outputs = expect_outputs(given, batch, label)
        expect_shapes(outputs, self.shapes, batch, label)
        if self.training:
            expect_given(outputs, self.gives, label)
        return outputs

    def training_loss(
        self,
        images: Float[Tensor, "batch *frames 3 height width"],
        reads: Mapping[str, Any],
        loss: Callable[[Outputs], Tensor],
    ) -> Tensor:
        """The module's own, where it has a ``training_loss``; see :class:`StepsItself`."""
        if not isinstance(self.inner, StepsItself):
            return super().training_loss(images, reads, loss)

        def checked(given: object) -> Tensor:
            return loss(self._checked(given, len(images)))

        total = self.inner.training_loss(images, select(reads, self.reads), checked)
        return expect_tensor(total, (), self.labels["detector"], "the loss of a step, a scalar")

    def parts(self) -> dict[str, nn.Module]:
        """The one part."""
        return {"detector": self.inner}

    def scoring(self) -> PluginDetector:
        """Itself: all of it runs when scoring."""
        return self

    def passes(
        self,
        sample: Float[Tensor, "1 *frames 3 size size"],
        prompts: int,
        batch: int,
        beside: Mapping[str, Tensor],
    ) -> Iterator[Pass]:
        """One image through all of it."""
        yield Pass("detector", self.inner, (sample,), "image", select(beside, self.reads))

    @property
    def has_training_only(self) -> bool:
        """Whether the part names children that only training uses."""
        return bool(self.TRAINING_ONLY)
