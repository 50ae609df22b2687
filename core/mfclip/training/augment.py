"""Changes to the training images, as ``[augmentation]`` asks for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped, UInt8
from torch import Tensor

from mfclip.data.frames import by_frame
from mfclip.detector.contracts import label_of
from mfclip.detector.failures import blaming

if TYPE_CHECKING:
    from mfclip.parts import BuildContext
    from mfclip.recipe.settings import AugmentationSettings


class Augmenter:
    """Crops, mirrors and corrupts decoded images before they are resized.

    What becomes of an image depends on the seed, the epoch and its key, which stands for its path:
    a resumed run repeats it, and the other images, of the batch or the data, do not matter. With
    ``variants`` in the settings, the version whose turn it is stands in place of the epoch, and
    version 0 is unchanged.
    """

    def __init__(self, settings: AugmentationSettings, context: BuildContext) -> None:
        self.settings = settings
        self._corruptions = []
        for place, part in enumerate(settings.corruptions):
            with blaming(label_of(f"augmentation.corruptions.{place}", part), "could not be built"):
                self._corruptions.append(part.build(context))

    def __call__(
        self,
        images: Sequence[UInt8[Tensor, "*frames 3 h w"]],
        keys: Sequence[int],
        seed: int,
        epoch: int,
        named: Mapping[str, Sequence[Tensor]] | None = None,
        photos: frozenset[str] = frozenset(),
    ) -> tuple[list[UInt8[Tensor, "*frames 3 height width"]], dict[str, list[Tensor]]]:
        """The images of a batch, each changed in its own way; those that go in stay as they are.

        ``keys``: what the changes of each are drawn from; of a pseudo-fake, the key of the real
        image that it was made of.
        All frames of a clip are changed alike: one crop, one corruption and one draw of its noise.
        ``named`` are inputs beside the images: maps (c, h, w) are cropped and mirrored with their
        image and never corrupted, vectors are left alone. Those among them that are ``photos``,
        such as the one that a fake was made from, go through all that their image does: else what
        a corruption did would pass for forgery.
        """
        changed: list[Tensor] = []
        beside: dict[str, list[Tensor]] = {name: [] for name in named or {}}
        for place, key in enumerate(keys):
            maps = {name: values[place] for name, values in (named or {}).items()}
            image, turn = images[place], self.settings.turn(epoch, key)
            if turn or self.settings.variants is None:
                draw = np.random.default_rng((seed, turn, key))
                image, maps = self._change(image, maps, photos, draw)
            changed.append(image)
            for name, one in maps.items():
                beside[name].append(one)
        return changed, beside

    def _change(
        self,
        image: UInt8[Tensor, "*frames 3 height width"],
        maps: Mapping[str, Tensor],
        photos: frozenset[str],
        draw: np.random.Generator,
    ) -> tuple[UInt8[Tensor, "*frames 3 rows columns"], dict[str, Tensor]]:
        # Everything is drawn every time, so that one setting does not shift what another draws.
        keep, down, right, mirrored, corrupted = draw.random(5)
        which, level = draw.random(2)
        noise = int(draw.integers(2**63))

        def moved(one: Tensor) -> Tensor:
            if one.ndim < 3:
                return one
            part = _cropped(one, 1 - self.settings.crop * keep, down, right)
            return part.flip(-1) if mirrored < self.settings.mirror else part

        image, maps = moved(image), {name: moved(one) for name, one in maps.items()}
        if self._corruptions and corrupted < self.settings.corrupted:
            corruption = self._corruptions[int(which * len(self._corruptions))]
            strength = 1 + int(level * self.settings.strongest)

            def worsened(one: Tensor) -> Tensor:
                return by_frame(lambda frame: corruption(frame, strength, noise), one)

            image = worsened(image)
            maps = {name: worsened(one) if name in photos else one for name, one in maps.items()}
        return image, maps


def make_augmenter(settings: AugmentationSettings, context: BuildContext) -> Augmenter | None:
    """What changes the images; None where the settings leave all of them as they are."""
    idle = not settings.mirror and not settings.crop and settings.variants is None
    if idle and not (settings.corruptions and settings.corrupted):
        return None
    return Augmenter(settings, context)


def _cropped(
    image: Shaped[Tensor, "*frames c height width"], keep: float, down: float, right: float
) -> Shaped[Tensor, "*frames c rows columns"]:
    """A part of the image: ``keep`` of both sides, at a place given by shares of what is left."""
    height, width = image.shape[-2:]
    rows, columns = math.ceil(height * keep), math.ceil(width * keep)
    top = int(down * (height - rows + 1))
    left = int(right * (width - columns + 1))
    return image[..., top : top + rows, left : left + columns]
