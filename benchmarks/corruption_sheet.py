"""A contact sheet of the corruptions: each column one of them, each row a level, on a drawn face.

python benchmarks/corruption_sheet.py docs/pictures/corruptions.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from mfclip.parts import BuildContext
from mfclip_corruptions.plugin import mfclip_corruptions
from mfclip_sample.produce import scene_side
from mfclip_sample.shot import draw_shot

MARGIN = 28
"""Pixels for the names above and the levels to the left."""


def drawn_face(size: int, seed: int) -> Tensor:
    """A picture of the sample set before it is coded: (3, size, size), uint8."""
    picture = draw_shot((seed, 1, 0), (seed, 2, 0), scene_side(size)).photograph()
    levels = (np.asarray(picture).transpose(1, 2, 0) * 255).round().clip(0, 255).astype(np.uint8)
    small = Image.fromarray(levels).resize((size, size), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=192)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    face, parts = drawn_face(asked.size, asked.seed), mfclip_corruptions()
    sheet = Image.new(
        "RGB", (MARGIN + asked.size * len(parts), MARGIN + asked.size * 5), (255, 255, 255)
    )
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(18)
    for level in range(1, 6):
        middle = MARGIN + asked.size * (level - 0.5)
        draw.text((MARGIN / 2, middle), str(level), "black", font, anchor="mm")
    for column, part in enumerate(parts):
        left = MARGIN + asked.size * column
        name = part.model_fields["use"].default
        draw.text((left + asked.size / 2, MARGIN / 2), name, "black", font, anchor="mm")
        corrupt = part().build(BuildContext())
        for level in range(1, 6):
            pixels = corrupt(face, level, asked.seed).permute(1, 2, 0).numpy()
            sheet.paste(Image.fromarray(pixels), (left, MARGIN + asked.size * (level - 1)))
    sheet.save(asked.out, quality=82)


if __name__ == "__main__":
    main()
