"""What the data ask of parts, as structural types: a plugin need not inherit anything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor

    from mfclip.data.labels import HierarchicalLabel
    from mfclip.data.source import Source


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


class Forges(Protocol):
    """What a pseudo-fake builds: the same image, partner and seed always give the same fake."""

    def __call__(
        self,
        image: UInt8[Tensor, "3 height width"],
        partner: UInt8[Tensor, "3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "3 height width"]:
        """A new image, in which something of ``image`` was forged; those given stay as they are.

        ``partner`` is another real image of the batch, of any size; where the batch has no other
        one, it is ``image`` itself. ``seed`` is 0 to 2^63 - 1. Only an image in which nothing can
        be forged, such as one of a single colour, may come back unchanged: the training then
        keeps the fake in whose place it would have been.
        """


@runtime_checkable
class LearnsFromReals(Protocol):
    """A pseudo-fake that looks at the real training images before the first epoch."""

    def fit(self, images: Iterable[UInt8[Tensor, "3 height width"]], seed: int) -> None:
        """Called once in a training, before the first image is forged, with gradients on.

        ``images`` are those of the training split, each once, in an order drawn from the seed and
        decoded as they are asked for; of a file with several frames the first. They may be read in
        part; each pass decodes them anew.
        """

    def state_dict(self) -> Mapping[str, Any]:
        """What it learnt, as tensors: checkpoints hold it, and a resumed run learns nothing anew.

        A ``torch.nn.Module`` has this method and the next.
        """

    def load_state_dict(self, state: Mapping[str, Any]) -> Any:
        """Take up what :meth:`state_dict` gave, in a fresh build."""


@runtime_checkable
class Tokenises(Protocol):
    """Turns sentences into tokens, for a text encoder that does not read CLIP's."""

    @property
    def length(self) -> int:
        """L: tokens of one sentence, padding included. Padding is zeros, at the end."""

    def tokens(self, sentence: str) -> Sequence[int]:
        """The sentence's tokens, those that begin and end it included, without padding.

        More than :attr:`length` are refused by name; nothing is ever cut. A sentence that cannot
        be told in tokens raises :class:`ValueError`, which says why.
        """


@runtime_checkable
class MakesInputs(Protocol):
    """An input that is made faster of several images at once than of one after the other."""

    def many(self, sources: Sequence[Source]) -> Sequence[Tensor]:
        """What calling it with each source gives, in their order."""


class MakesInput(Protocol):
    """What an input part builds: the same source always gives the same input."""

    def __call__(self, source: Source) -> Tensor:
        """A map (c, h, w) over the image, of any resolution, or a vector (n,).

        uint8 (read as 0-1), float16 or float32; the same c or n for every image.
        """
