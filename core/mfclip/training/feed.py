"""From a decoded batch to what a training step works on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Int64
from torch import Tensor

from mfclip.data.source import Source
from mfclip.detector.outputs import Targets
from mfclip.detector.protocols import TrainingBatch
from mfclip.training.pseudo import Forged

if TYPE_CHECKING:
    from mfclip.data.loader import Batch
    from mfclip.data.manifest import Manifest
    from mfclip.data.preprocess import Preprocessor
    from mfclip.data.prompts import PromptTable
    from mfclip.training.augment import Augmenter
    from mfclip.training.pseudo import PseudoFakes


@dataclass(frozen=True)
class Feed:
    """Augments, prepares and gathers what the detector and the losses read."""

    train: Manifest
    prompts: PromptTable | None
    preprocessor: Preprocessor
    device: torch.device
    augment: Augmenter | None
    seed: int
    pseudo: PseudoFakes | None = None

    def forge(self, batch: Batch, epoch: int) -> Forged:
        """The batch with some fakes replaced, where the recipe asks for that."""
        if self.pseudo is None:
            return Forged(batch, frozenset(), tuple(batch.index.tolist()))
        return self.pseudo(batch, self.seed, epoch, self._keys)

    def __call__(self, forged: Forged, epoch: int, progress: float) -> TrainingBatch:
        """Images on the device, and everything beside them by name.

        ``progress`` is how much of the training is done, 0-1.
        """
        images = forged.batch.images
        if self._versions:
            images, named = self._changed(images, forged, epoch, self._of_rows(forged))
            made = self.preprocessor.inputs.of_image.of([Source(image) for image in images])
            return self._batch(forged.batch, images, {**named, **made}, progress)
        images, named = self._changed(images, forged, epoch, self._inputs(forged))
        return self._batch(forged.batch, images, named, progress)

    @property
    def _versions(self) -> bool:
        """Whether inputs are made of the images as they are after every change."""
        return self.augment is not None and self.augment.settings.variants is not None

    def _changed(
        self,
        images: list[Tensor],
        forged: Forged,
        epoch: int,
        named: dict[str, list[Tensor]],
    ) -> tuple[list[Tensor], dict[str, list[Tensor]]]:
        if self.augment is None:
            return images, named
        keys = [self._keys[row] for row in forged.rows]
        photos = self.preprocessor.inputs.photos
        return self.augment(images, keys, self.seed, epoch, named, photos)

    @cached_property
    def _keys(self) -> list[int]:
        """Of each training row a number that its path gives, whatever other rows there are."""
        paths = [row.path.as_posix().encode() for row in self.train.rows]
        return [int.from_bytes(hashlib.sha256(path).digest()[:7], "big") for path in paths]

    @cached_property
    def _groups(self) -> Int64[Tensor, " rows"]:
        """Of each training row which group it belongs to, counted in the order of their names."""
        names = [row.group for row in self.train.rows]
        place = {name: i for i, name in enumerate(sorted(set(names)))}
        return torch.tensor([place[name] for name in names], dtype=torch.int64)

    def _of_rows(self, forged: Forged) -> dict[str, list[Tensor]]:
        """Inputs that need a row; a recipe with pseudo-fakes reads none of them."""
        return self.preprocessor.inputs.of_row.of(self._sources(forged.batch))

    def _inputs(self, forged: Forged) -> dict[str, list[Tensor]]:
        """What is beside the images; of pseudo-fakes nothing is kept, they do not come again."""
        sources, inputs = self._sources(forged.batch), self.preprocessor.inputs
        if not forged.places:
            return inputs.of(sources)
        known = _in_turn(inputs.of([s for i, s in enumerate(sources) if i not in forged.places]))
        forgeries = [Source(s.image) for i, s in enumerate(sources) if i in forged.places]
        made = _in_turn(inputs.of(forgeries, keep=False))
        return {
            name: [next((made if i in forged.places else known)[name]) for i in range(len(sources))]
            for name in known
        }

    def plain(self, batches: Iterator[Batch], progress: float) -> Iterator[TrainingBatch]:
        """The same without augmentation."""
        for batch in batches:
            named = self.preprocessor.inputs.of(self._sources(batch))
            yield self._batch(batch, batch.images, named, progress)

    def targets(self, fed: TrainingBatch, reads: frozenset[str]) -> Targets:
        """The truth, and whatever the losses read."""
        named = {name: fed.reads[name] for name in reads if name in fed.reads}
        # Without a table every prompt is row -1.
        return Targets(fed.reads["label"], fed.reads["row"], named)

    def _batch(
        self,
        batch: Batch,
        images: list[Tensor],
        named: Mapping[str, list[Tensor]],
        progress: float,
    ) -> TrainingBatch:
        prepared = self.preprocessor(images, self.device)
        beside = self.preprocessor.beside(named, self.device)
        return TrainingBatch(prepared, {**self._standard(batch, progress), **beside})

    def _standard(self, batch: Batch, progress: float) -> dict[str, Any]:
        group = self._groups[batch.index]
        label, row, index, group = (
            one.to(self.device, non_blocking=True)
            for one in (batch.label, batch.prompt, batch.index, group)
        )
        found = {"label": label, "row": row, "index": index, "group": group, "progress": progress}
        if self.prompts is not None:
            found |= {"prompt": row, "tokens": self.prompts.tokens.to(self.device)[row]}
        return found

    def _sources(self, batch: Batch) -> list[Source]:
        rows = [self.train.rows[place] for place in batch.index.tolist()]
        return [
            Source(image, self.train.root, dict(row.further), row.is_fake)
            for image, row in zip(batch.images, rows, strict=True)
        ]


def _in_turn(named: Mapping[str, list[Tensor]]) -> dict[str, Iterator[Tensor]]:
    return {name: iter(values) for name, values in named.items()}
