"""One item of the plan becomes one JPEG file."""

from __future__ import annotations

from pathlib import Path

from mfclip_sample.finish import to_jpeg
from mfclip_sample.forge.generators import FORGE
from mfclip_sample.plan import Item
from mfclip_sample.randomness import stream
from mfclip_sample.shot import draw_shot

OVERSIZE = 1.25
"""How much larger than the finished picture a scene is drawn."""
QUALITIES = range(80, 97)
"""JPEG qualities, each as likely as the other, for real and fake alike."""


def produce(item: Item, folder: Path, *, size: int, seed: int) -> None:
    """Draw, photograph or forge one picture, and write it below ``folder``."""
    (folder / item.row.path).write_bytes(picture(item, size=size, seed=seed))


def picture(item: Item, *, size: int, seed: int) -> bytes:
    """The JPEG file of one item; its bytes depend on these arguments only."""
    shot = draw_shot((seed, 1, item.person), (seed, 2, item.index), scene_side(size))
    forge = FORGE.get(item.row.label.generator)
    quality = stream((seed, 3, item.pair), "quality").choice(QUALITIES)
    return to_jpeg(forge(shot) if forge else shot.photograph(), size, int(quality))


def scene_side(size: int) -> int:
    """Side of the scene behind a picture: a multiple of 8, as the decoders need it."""
    return 8 * round(OVERSIZE * size / 8)
