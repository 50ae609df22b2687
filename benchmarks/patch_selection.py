"""Patch selection: scikit-image, image by image, against batched tensor code.

    python benchmarks/patch_selection.py [--images 24] [--size 224] [--threads 2] [--turns 3]

Both ways are timed in turns and the fastest turn of each counts, so that other work on the
machine weighs on both alike. Before anything is timed, both must choose the same patches.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from naive.vision import richest_patch
from subjects import natural_like
from timing import machine, table
from torch import Tensor

from mfclip_vision.patches import select_patches

PATCH_SIZES = (16, 28, 32, 56, 112, 224)
TARGETS = {32: 200, 112: 15}
"""Least wanted speed-up of a patch size."""


def naive(images: Tensor, patch_size: int) -> Tensor:
    return torch.stack([richest_patch(image, patch_size) for image in images])


def ours(images: Tensor, patch_size: int) -> Tensor:
    return select_patches(images, patch_size).patch


def seconds(way: Callable[[], object]) -> float:
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


def row(images: Tensor, patch_size: int, turns: int) -> dict[str, object]:
    if not torch.equal(naive(images, patch_size), ours(images, patch_size)):
        raise SystemExit(f"p = {patch_size}: the two ways chose different patches")
    slow = fast = float("inf")
    for _ in range(turns):
        slow = min(slow, seconds(lambda: naive(images, patch_size)))
        # A run of milliseconds is easily disturbed: twenty to one of the slow.
        fast = min(fast, *(seconds(lambda: ours(images, patch_size)) for _ in range(20)))
    return {
        "p": patch_size,
        "scikit-image, ms": slow * 1e3,
        "ours, ms": fast * 1e3,
        "times faster": round(slow / fast),
        "target": TARGETS.get(patch_size, ""),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--size", type=int, default=224, help="side of an image, pixels")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--turns", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images = natural_like(args.images, args.size)
    print(f"{args.images} images of {args.size}x{args.size} pixels; {machine(images.device)}\n")
    fitting = [p for p in PATCH_SIZES if args.size % p == 0]
    print(table([row(images, patch_size, args.turns) for patch_size in fitting]))


if __name__ == "__main__":
    main()
