"""Which pictures a sample set consists of: persons, labels, splits. Draws nothing yet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Row, Split
from mfclip.errors import UsageError

VERSION = 1
"""Goes up whenever the same arguments would draw other pictures."""
GROUP = "sample"
SMALLEST = 12
"""Images below which a split would stay empty."""
SIZES = range(32, 2049)
HELD_OUT = 0.15
"""Share of the persons in validation, and again in test."""

REAL = HierarchicalLabel("real")
GENERATORS: tuple[HierarchicalLabel, ...] = (
    HierarchicalLabel("fake", "EFS", "GAN", "toy-deconv"),
    HierarchicalLabel("fake", "EFS", "diffusion", "toy-latent"),
    HierarchicalLabel("fake", "AM", "GAN", "toy-attribute"),
    HierarchicalLabel("fake", "AM", "diffusion", "toy-denoise"),
    HierarchicalLabel("fake", "FS", "GAN", "toy-swap"),
    HierarchicalLabel("fake", "FS", "diffusion", "toy-diffswap"),
)
"""One generator for each forgery type and family."""


@dataclass(frozen=True, slots=True)
class Item:
    """One picture to make."""

    row: Row
    """Its line in the manifest."""
    person: int
    index: int
    """Its place in the set; the photo is drawn from it."""
    pair: int
    """A real and a fake picture share this number, and with it the JPEG quality."""


def plan(images: int, size: int, seed: int) -> tuple[Item, ...]:
    """Every picture of the set, real and fake in turn.

    A person is in two real and two fake pictures, all in one split. The generators take turns, so
    that over the set and inside each split their counts differ by one at most.

    Raises :class:`UsageError` where the set cannot be made.
    """
    _check(images, size, seed)
    persons = -(-images // 4)
    splits = _splits(persons)
    items = []
    for pair in range(images // 2):
        person = pair // 2
        labels = (REAL, GENERATORS[pair % len(GENERATORS)])
        for index, label in zip((2 * pair, 2 * pair + 1), labels, strict=True):
            row = Row(_path(label, index), label, splits[person], f"drawn-{person:05d}", GROUP)
            items.append(Item(row, person, index, pair))
    return tuple(items)


def _splits(persons: int) -> list[Split]:
    """The split of each person. Persons are drawn independently, so any order is as good."""
    held = max(1, round(persons * HELD_OUT))
    counts: dict[Split, int] = {"train": persons - 2 * held, "val": held, "test": held}
    return [name for name, count in counts.items() for _ in range(count)]


def _path(label: HierarchicalLabel, index: int) -> Path:
    """Folders by class, so that the set can be read without its manifest too."""
    folder = Path("fake", label.generator) if label.is_fake else Path("real")
    return folder / f"{index:06d}.jpg"


def _check(images: int, size: int, seed: int) -> None:
    if images < SMALLEST or images % 2:
        raise UsageError(
            f"a sample set has half its images real and half fake, and at least {SMALLEST}: "
            f"received images={images}; give an even number from {SMALLEST} up"
        )
    if size not in SIZES:
        raise UsageError(
            f"sample images are {SIZES.start} to {SIZES.stop - 1} pixels wide: received size={size}"
        )
    if seed < 0:
        raise UsageError(f"a seed is a whole number from 0 up: received seed={seed}")
