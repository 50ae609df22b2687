"""Pseudo-fakes: some fakes of a training batch give their place to ones made of its real images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.loader import Batch, ManifestLoader
from mfclip.data.protocols import Forges, LearnsFromReals
from mfclip.detector.contracts import label_of
from mfclip.detector.failures import ADVICE, blaming
from mfclip.errors import PluginError

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.data.prompts import PromptTable
    from mfclip.faces.finder import FaceFinder
    from mfclip.parts import BuildContext
    from mfclip.recipe.settings import AugmentationSettings

STREAM = 1
"""Sets these draws apart from the augmenter's, which come from (seed, epoch, row) alone."""
DECODED = 16
"""Real images that are decoded at a time."""


class Forged(NamedTuple):
    """A batch in which some fakes have given their place."""

    batch: Batch
    """Labels and rows of the manifest are what they were; images and prompts are the new ones."""
    places: frozenset[int]
    """Where pseudo-fakes are now."""
    rows: tuple[int, ...]
    """Of each image, the row of the training split that it is, or was made of."""

    def part(self, places: slice) -> Forged:
        """Some of the images, which are one run of them."""
        whole = self.batch
        batch = Batch(
            whole.images[places], whole.label[places], whole.prompt[places], whole.index[places]
        )
        inside = range(len(whole.images))[places]
        made = frozenset(place - inside.start for place in self.places if place in inside)
        return Forged(batch, made, self.rows[places])


@dataclass(frozen=True)
class Forger:
    """One of the recipe's pseudo-fakes, built."""

    make: Forges
    prompt: int
    """Row of its label in the prompt table; -1 without a table."""
    label: str
    """How messages name it."""

    def __call__(
        self,
        image: UInt8[Tensor, "*frames 3 height width"],
        partner: UInt8[Tensor, "*frames 3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "*frames 3 height width"]:
        """A fake of one image, or of every frame of a clip with the same seed.

        Raises
        ------
        PluginError
            Where the part fails, or gives something else than such an image.
        """
        if image.ndim == 3:
            return self._forged(image, partner, seed)
        pairs = zip(image, partner, strict=True)
        return torch.stack([self._forged(one, other, seed) for one, other in pairs])

    def _forged(self, image: Tensor, partner: Tensor, seed: int) -> Tensor:
        with blaming(self.label, "failed"):
            made: object = self.make(image, partner, seed)
        if isinstance(made, Tensor) and (made.dtype, made.shape) == (image.dtype, image.shape):
            return made
        got = type(made).__name__
        if isinstance(made, Tensor):
            got = f"{tuple(made.shape)} of {made.dtype}"
        raise PluginError(
            f"{self.label} gave {got}; expected an image like the one that went in, "
            f"{tuple(image.shape)} of {image.dtype}. {ADVICE}"
        )


class PseudoFakes:
    """Gives places of fakes to pseudo-fakes, as ``[augmentation]`` asks for them.

    Whether a fake gives its place, and to which part and seed, depends on the seed, the epoch and
    its row in the training split; of which real image it is made, and with which partner, on the
    batch's real images too, not on their order. So a resumed run repeats it. With ``variants`` in
    the settings, part and seed depend on the real image and the version whose turn it is: a part
    that makes no use of the partner then gives one pseudo-fake of a real image and version.

    Raises
    ------
    DataError
        Where ``prompts`` lacks the label of a pseudo-fake.
    """

    def __init__(
        self, settings: AugmentationSettings, context: BuildContext, prompts: PromptTable | None
    ) -> None:
        self.settings = settings
        self.forgers: list[Forger] = []
        for place, part in enumerate(settings.forged):
            label = label_of(f"augmentation.pseudo_fakes.{place}", part)
            with blaming(label, "could not be built"):
                row = -1 if prompts is None else prompts.row(part.label)
                self.forgers.append(Forger(part.build(context), row, label))

    def __call__(
        self, batch: Batch, seed: int, epoch: int, keys: Sequence[int] | None = None
    ) -> Forged:
        """The batch with its pseudo-fakes; the one that goes in stays as it is.

        ``keys``: of each training row what stands for its path; None: its place in the split.
        Without real images in it, nothing is made. A fake of an image in which nothing could be
        forged is none, and its place keeps what it had.
        """
        rows, fake = batch.index.tolist(), batch.label.tolist()
        reals = {row: batch.images[i] for i, row in enumerate(rows) if not fake[i]}
        images, prompt, made_of = list(batch.images), batch.prompt.clone(), list(rows)
        places = set()
        for place, row in enumerate(rows) if reals else ():
            made = self._made(reals, (seed, epoch, row), keys) if fake[place] else None
            if made is not None:
                images[place], prompt[place], made_of[place] = made
                places.add(place)
        forged = replace(batch, images=images, prompt=prompt)
        return Forged(forged, frozenset(places), tuple(made_of))

    def _made(
        self, reals: Mapping[int, Tensor], key: tuple[int, int, int], keys: Sequence[int] | None
    ) -> tuple[Tensor, int, int] | None:
        """A pseudo-fake, the row of its prompt and the row of the real image that it is made of.

        None where the fake keeps its place.
        """
        draw = np.random.default_rng((*key, STREAM))
        # Everything is drawn every time, so that one setting does not shift what another draws.
        taken, which, whose, other = draw.random(4)
        seed = int(draw.integers(2**63))
        if taken >= self.settings.pseudo:
            return None
        source = _one_of(sorted(reals), whose)
        if self.settings.variants is not None:
            of = source if keys is None else keys[source]
            which, seed = _of_version(key[0], self.settings.turn(key[1], of), of)
        forger = self.forgers[int(which * len(self.forgers))]
        partner = _one_of(sorted(reals.keys() - {source}) or [source], other)
        made = forger(reals[source], reals[partner], seed)
        return None if torch.equal(made, reals[source]) else (made, forger.prompt, source)

    @property
    def learners(self) -> dict[int, LearnsFromReals]:
        """Those that look at the real images first, by their place in the recipe."""
        built = {place: forger.make for place, forger in enumerate(self.forgers)}
        return {place: one for place, one in built.items() if isinstance(one, LearnsFromReals)}

    def fit(self, images: RealImages) -> None:
        """Let those that ask for it look at the real images; each has a seed of its own."""
        for place, learner in self.learners.items():
            seed = int(np.random.default_rng((images.seed, place, STREAM)).integers(2**63))
            with blaming(self.forgers[place].label, "failed on the real training images"):
                learner.fit(images, seed)

    def tensors(self) -> dict[str, Tensor]:
        """What they learnt, for a checkpoint."""
        return {
            f"{place}/{name}": value
            for place, learner in self.learners.items()
            for name, value in learner.state_dict().items()
        }

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what :meth:`tensors` gave."""
        for place, learner in self.learners.items():
            start = f"{place}/"
            own = {n.removeprefix(start): t for n, t in tensors.items() if n.startswith(start)}
            with blaming(self.forgers[place].label, "could not take up what it had learnt"):
                learner.load_state_dict(own)


@dataclass(frozen=True)
class RealImages:
    """The real images of the training split in an order drawn from the seed.

    Decoded while they are asked for, each pass anew; of a file with several frames the first.
    """

    train: Manifest
    seed: int
    workers: int | None
    finder: FaceFinder | None = None
    """What cuts the faces out, where the pictures are no crops."""

    def __iter__(self) -> Iterator[UInt8[Tensor, "3 height width"]]:
        rows = [place for place, row in enumerate(self.train.rows) if not row.is_fake]
        drawn = np.random.default_rng((self.seed, STREAM)).permutation(rows)
        batches = torch.split(torch.from_numpy(drawn), DECODED)
        loader = ManifestLoader(
            self.train,
            None,
            batches,
            workers=self.workers,
            pin_memory=False,
            finder=self.finder,
        )
        for batch in loader:
            yield from batch.images


def make_pseudo_fakes(
    settings: AugmentationSettings, context: BuildContext, prompts: PromptTable | None
) -> PseudoFakes | None:
    """What makes them; None where the settings ask for none."""
    return PseudoFakes(settings, context, prompts) if settings.forged else None


def _of_version(seed: int, turn: int, key: int) -> tuple[float, int]:
    """Which part (0-1) and what seed make the pseudo-fake of a real image's version."""
    draw = np.random.default_rng((seed, turn, key, STREAM, STREAM))
    return draw.random(), int(draw.integers(2**63))


def _one_of(rows: Sequence[int], share: float) -> int:
    return rows[int(share * len(rows))]
