"""Patch selection: scikit-image, image by image, against batched tensor code.

    python benchmarks/patch_selection.py [--images 24] [--size 224] [--threads 2]

Both ways are timed in turns and the fastest turn of each counts, so that other work on the
machine weighs on both alike. Before anything is timed, both must choose the same patches.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from naive.vision import richest_patch
from torch import Tensor

from mfclip_vision.patches import select_patches

PATCH_SIZES = (16, 28, 32, 56, 112, 224)
TARGETS = {32: 200, 112: 15}
"""Least wanted speed-up of a patch size."""


def natural_like(count: int, size: int, seed: int = 0) -> Tensor:
    """Smooth shapes with some noise, 8 bits a channel: (count, 3, size, size), 0-1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 7, 7, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    noisy = smooth + 0.02 * torch.randn(smooth.shape, generator=generator)
    return (noisy.clamp(0, 1) * 255).round() / 255


def naive(images: Tensor, patch_size: int) -> Tensor:
    return torch.stack([richest_patch(image, patch_size) for image in images])


def ours(images: Tensor, patch_size: int) -> Tensor:
    return select_patches(images, patch_size).patch


def fastest(*ways: Callable[[], object], turns: int, repeats: int) -> list[float]:
    """Seconds of the fastest run of each way; each turn runs the first once, the rest often."""
    best = [float("inf")] * len(ways)
    for _ in range(turns):
        for number, way in enumerate(ways):
            for _ in range(repeats if number else 1):
                start = time.perf_counter()
                way()
                best[number] = min(best[number], time.perf_counter() - start)
    return best


def row(images: Tensor, patch_size: int) -> str:
    if not torch.equal(naive(images, patch_size), ours(images, patch_size)):
        raise SystemExit(f"p = {patch_size}: the two ways chose different patches")
    slow, fast = fastest(
        lambda: naive(images, patch_size),
        lambda: ours(images, patch_size),
        turns=3,
        repeats=20,
    )
    target = f">= {TARGETS[patch_size]}" if patch_size in TARGETS else ""
    return f"| {patch_size} | {slow * 1e3:.1f} | {fast * 1e3:.2f} | {slow / fast:.0f} | {target} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--size", type=int, default=224, help="side of an image, pixels")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    images = natural_like(args.images, args.size)
    print(f"{args.images} images of {args.size} x {args.size} pixels, {args.threads} threads\n")
    print("| p | scikit-image, ms | ours, ms | times faster | target |")
    print("|---|---|---|---|---|")
    for patch_size in PATCH_SIZES:
        if args.size % patch_size == 0:
            print(row(images, patch_size), flush=True)


if __name__ == "__main__":
    main()
