"""What the data ask of parts, as structural types: a plugin need not inherit anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from mfclip.data.labels import HierarchicalLabel


@runtime_checkable
class PromptRenderer(Protocol):
    """Turns labels into text."""

    def render(self, label: HierarchicalLabel) -> tuple[str, ...]:
        """S sentences, coarse to fine."""


class Corrupts(Protocol):
    """What a corruption builds: the same image, level and seed always give the same result."""

    def __call__(
        self, image: UInt8[Tensor, "3 height width"], level: int, seed: int
    ) -> UInt8[Tensor, "3 height width"]:
        """A new image, corrupted at a level of 1 to 5; the one that goes in is left as it is.

        Raises :class:`ValueError` for any other level.
        """
