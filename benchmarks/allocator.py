"""Processor time and memory of a training step on the CPU, freed memory handed back or kept.

python benchmarks/allocator.py
"""

from __future__ import annotations

import resource
import subprocess
import sys

import torch

from mfclip.compute.allocator import keep_freed_memory
from mfclip.parts import BuildContext
from mfclip_vision.parts import Cvit

STEPS = 10


def measure() -> None:
    """User and system seconds of ten steps of a small image encoder, and the peak."""
    torch.manual_seed(0)
    small = Cvit(
        channels=(16, 32, 64, 128, 256), convolutions=(1, 1, 2, 2, 2), dim=256, depth=2, heads=4
    )
    model = small.build(BuildContext(image_size=160)).to(memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(model.parameters())
    images = torch.rand(24, 3, 160, 160).to(memory_format=torch.channels_last)
    for step in range(STEPS + 1):
        if step == 1:
            before = resource.getrusage(resource.RUSAGE_SELF)
        optimiser.zero_grad()
        model(images).square().mean().backward()
        optimiser.step()
    after = resource.getrusage(resource.RUSAGE_SELF)
    user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
    print(user, system, after.ru_maxrss / 1024)


def child(mode: str) -> tuple[float, float, float]:
    command = [sys.executable, __file__, mode]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    user, system, peak = map(float, done.stdout.split())
    return user, system, peak


def main() -> None:
    print("| freed memory | user, s | system, s | peak, MiB |\n|---|---|---|---|")
    totals = {}
    for mode in ("handed back", "kept"):
        runs = sorted((child(mode) for _ in range(3)), key=lambda run: run[0] + run[1])
        user, system, peak = runs[1]
        totals[mode] = user + system
        print(f"| {mode} | {user:.2f} | {system:.2f} | {peak:.0f} |")
    print(f"\n{totals['handed back'] / totals['kept']:.2f} times less processor time")


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        if sys.argv[1] == "kept" and not keep_freed_memory():
            sys.exit("this C library has no mallopt")
        measure()
