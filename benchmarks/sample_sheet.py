"""A contact sheet of the sample set: each row one photo, then the same through every generator.

python benchmarks/sample_sheet.py docs/pictures/sample-set.jpg
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from PIL import Image

from mfclip_sample.finish import to_jpeg
from mfclip_sample.forge.generators import FORGE
from mfclip_sample.produce import scene_side
from mfclip_sample.shot import Shot, draw_shot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    kinds = [Shot.photograph, *FORGE.values()]
    sheet = Image.new("RGB", (asked.size * len(kinds), asked.size * asked.rows))
    for row in range(asked.rows):
        shot = draw_shot((asked.seed, 1, row), (asked.seed, 2, row), scene_side(asked.size))
        for column, kind in enumerate(kinds):
            picture = Image.open(io.BytesIO(to_jpeg(kind(shot), asked.size, 92)))
            sheet.paste(picture, (asked.size * column, asked.size * row))
    sheet.save(asked.out, quality=88)


if __name__ == "__main__":
    main()
