"""How many faces a locator finds, where, and how fast: faces pasted at known places.

    python benchmarks/faces_found.py FOLDER [--share 0.8] [--set KEY=VALUE]

FOLDER holds ready crops with one face in the middle of each, whose longer side is ``--share`` of
the crop's. They are pasted with soft edges into pictures made by program: gradients, grain, shapes
and stripes, some of them of the colours of skin. A face counts as found where a box's middle is
within a quarter of the face's size of the truth and its longer side is 0.5 to 1.6 times the face's;
each box counts once. Every other box is a false one.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFilter

from mfclip.data.finding import find_images
from mfclip.data.images import decode
from mfclip.faces.face import Face
from mfclip.parts import BuildContext
from mfclip.recipe.faces import read_faces

SIZES = (24, 32, 48, 64, 96, 128, 200, 300, 400)
"""Pixels of a face's longer side."""
TURNS = (0, 15, 30, 45, 60, 90, 180)
"""Degrees; half of the faces the other way."""
SPEED = ((224, 224), (640, 480), (1600, 1200), (4000, 3000))
NEAR, RATIO = 0.25, (0.5, 1.6)
SKIN = ((224, 172, 105), (141, 85, 36), (255, 219, 172), (198, 134, 66))


@dataclass
class Scene:
    picture: Image.Image
    faces: list[tuple[float, float, float]] = field(default_factory=list)
    """Middle x, middle y and longer side of each."""


@dataclass
class Count:
    found: int = 0
    faces: int = 0
    false: int = 0
    pictures: int = 0

    def add(self, found: Sequence[Face], scene: Scene) -> None:
        hits = matched(found, scene.faces)
        self.found += hits
        self.faces += len(scene.faces)
        self.false += len(found) - hits
        self.pictures += 1

    def row(self, name: str) -> str:
        recall = f"{self.found / self.faces:.1%}" if self.faces else ""
        boxes = self.found + self.false
        precision = f"{self.found / boxes:.1%}" if boxes else ""
        cells = (name, self.pictures, self.faces, recall, precision, self.false)
        return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", help="ready crops, one face each")
    parser.add_argument("--share", type=float, default=0.8, help="of the crop that is the face")
    parser.add_argument("--pictures", type=int, default=10, help="of each kind")
    parser.add_argument("--picture", default="1600x1200", help="width x height, pixels")
    parser.add_argument("--kind", choices=("sizes", "turned", "several", "none"), action="append")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", choices=("quality", "speed"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    crops = sorted(find_images([options.folder]))
    if not crops:
        raise SystemExit(f"no images in {options.folder}")
    finder = read_faces(options.settings).finder(BuildContext())
    random = np.random.default_rng(options.seed)
    maker = Maker(crops, options.share, random)
    if options.only != "speed":
        quality(maker, finder, options)
    if options.only != "quality":
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        speed(maker, read_faces(options.settings).finder(BuildContext()))


def quality(maker: Maker, finder, options: argparse.Namespace) -> None:
    print("| faces | pictures | faces pasted | found | precision | false boxes |")
    print("|:--|--:|--:|--:|--:|--:|")
    width, height = map(int, options.picture.split("x"))
    whole = Count()
    for kind, name, wanted in kinds():
        count = Count()
        if options.kind and kind not in options.kind:
            continue
        for _ in range(options.pictures if wanted else 3 * options.pictures):
            scene = maker.scene((width, height), wanted)
            found = finder(as_tensor(scene.picture))
            count.add(found, scene)
            whole.add(found, scene)
        print(count.row(name), flush=True)
    print(whole.row("all"))


def kinds() -> Iterator[tuple[str, str, list[tuple[int, float]]]]:
    """What kind of picture, its name, and size and turn of each face in it."""
    for size in SIZES:
        yield "sizes", f"{size} px", [(size, 0.0)] * (4 if size < 300 else 2)
    for turn in TURNS:
        yield "turned", f"100 px, turned by {turn}°", [(100, turn)] * 2
    yield (
        "several",
        "twelve of 24 to 200 px",
        [(size, 0.0) for size in (24, 40, 60, 80, 120, 200) * 2],
    )
    yield "none", "none", []


def speed(maker: Maker, finder) -> None:
    """On one core, by the processor's time: other work on the machine hardly counts."""
    print("\n| picture | pictures/s of one core |\n|:--|--:|")
    for size in SPEED:
        image = as_tensor(maker.scene(size, [(100, 0.0)]).picture)
        finder(image[:, :64, :64])
        rounds, start = 0, time.process_time()
        while rounds < 1 or time.process_time() - start < 2:
            finder(image)
            rounds += 1
        rate = rounds / (time.process_time() - start)
        print(f"| {size[0]} x {size[1]} | {rate:.2f} |", flush=True)


@dataclass
class Maker:
    crops: Sequence[Path]
    share: float
    random: np.random.Generator

    def scene(self, size: tuple[int, int], wanted: Sequence[tuple[int, float]]) -> Scene:
        """A picture with faces of these sizes and turns, none over another."""
        scene = Scene(self.background(size))
        taken: list[tuple[float, float, float]] = []
        for face, turn in wanted:
            side = round(face / self.share)
            reach = side * (1 if turn % 90 == 0 else 1.42) / 2 + 2
            x, y = self.place(size, reach, taken)
            taken.append((x, y, reach))
            sign = 1 if self.random.random() < 0.5 else -1
            self.paste(scene.picture, side, sign * turn, x, y)
            scene.faces.append((x, y, face))
        return scene

    def place(self, size, reach, taken) -> tuple[float, float]:
        for _ in range(10_000):
            x, y = (self.random.uniform(min(reach, s / 2), max(s - reach, s / 2)) for s in size)
            if all(max(abs(x - a), abs(y - b)) >= reach + r for a, b, r in taken):
                return x, y
        raise SystemExit("the faces do not fit into the picture")

    def paste(self, picture: Image.Image, side: int, turn: float, x: float, y: float) -> None:
        file = self.crops[int(self.random.integers(len(self.crops)))]
        crop = Image.fromarray(decode(file)).resize((side, side), Image.Resampling.LANCZOS)
        mask = Image.new("L", (side, side), 0)
        edge = max(1, side // 20)
        ImageDraw.Draw(mask).rectangle((edge, edge, side - edge - 1, side - edge - 1), fill=255)
        mask = mask.filter(ImageFilter.GaussianBlur(edge / 2))
        if turn:
            crop = crop.rotate(turn, Image.Resampling.BICUBIC, expand=True)
            mask = mask.rotate(turn, Image.Resampling.BICUBIC, expand=True)
        corner = (round(x - crop.width / 2), round(y - crop.height / 2))
        picture.paste(crop, corner, mask)

    def background(self, size: tuple[int, int]) -> Image.Image:
        random = self.random
        coarse = random.integers(30, 226, (4, 5, 3)).astype(np.uint8)
        picture = Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)
        draw = ImageDraw.Draw(picture)
        for _ in range(40):
            colour = tuple(int(c) for c in random.integers(0, 256, 3))
            if random.random() < 0.3:
                colour = SKIN[int(random.integers(len(SKIN)))]
            x, y = (int(random.integers(0, side)) for side in size)
            width, height = (int(w) for w in random.integers(5, max(6, min(size) // 4), 2))
            box = (x, y, x + width, y + height)
            shape = int(random.integers(3))
            if shape == 0:
                draw.ellipse(box, fill=colour)
            elif shape == 1:
                draw.rectangle(box, outline=colour, width=1 + width // 12)
            else:
                for line in range(x, x + width, 6):
                    draw.line((line, y, line, y + height), fill=colour, width=2)
        grain = random.normal(0, 6, (size[1], size[0], 3))
        return Image.fromarray((np.asarray(picture) + grain).clip(0, 255).astype(np.uint8))


def matched(found: Sequence[Face], truth: Sequence[tuple[float, float, float]]) -> int:
    free = list(found)
    hits = 0
    for x, y, side in truth:
        near = [face for face in free if fits(face, x, y, side)]
        if near:
            free.remove(max(near, key=lambda face: face.score))
            hits += 1
    return hits


def fits(face: Face, x: float, y: float, side: float) -> bool:
    left, top, right, bottom = face.box
    off = max(abs((left + right) / 2 - x), abs((top + bottom) / 2 - y))
    ratio = max(face.width, face.height) / side
    return off <= NEAR * side and RATIO[0] <= ratio <= RATIO[1]


def as_tensor(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous()


if __name__ == "__main__":
    main()
