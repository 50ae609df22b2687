"""How fast the systems score: each with its authors' settings, and its small variant.

Random weights, float32, batches of images that lie ready; what a system reads beside the image
(DIRE's map) lies ready as well. By turns, the middle of them counts.

    python benchmarks/systems_speed.py [--small --side 128] [--batch 4] [--turns 3]
"""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable, Mapping

import torch
from subjects import LABELS, natural_like, recipe_of
from timing import machine, medians, table
from torch import Tensor

from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.detector.base import DetectorModule
from mfclip.detector.cost import cost, outermost
from mfclip.recipe.registry import read_registry

CPU = torch.device("cpu")
MORE = ("two-stream", "m2tr", "coop")
"""Of the paper's related work, beside its own table."""
MAPS = {"dire"}
"""What a system reads beside the image when it scores."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="the small variants, where there are")
    parser.add_argument("--side", type=int, help="pixels, in place of each system's own")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--only", action="append", help="a system; repeatable")
    options = parser.parse_args()
    registry = read_registry()
    names = options.only or (*registry.systems["paper"], *MORE)
    rows = []
    for name in names:
        small = f"{name}-small"
        assembly = small if options.small and small in registry.assemblies else name
        rows.append({"system": assembly, **measured(assembly, options)})
        print(rows[-1], flush=True)
        gc.collect()
    print(f"\n{machine(CPU)}; batches of {options.batch}\n\n{table(rows)}")


def measured(assembly: str, options: argparse.Namespace) -> dict[str, object]:
    """Size, cost and speed of one system."""
    overrides = [] if options.side is None else [f"preprocessing.size={options.side}"]
    if options.side is not None and assembly.startswith("mfclip"):
        overrides.append(f"vision.noise.patch_size={options.side // 2}")
    recipe = recipe_of(assembly, overrides)
    prompts = recipe.prompts
    texts = prompts and PromptTable.make(LABELS, prompts.build(recipe.context()))
    detector = assemble(recipe, texts or None, pretrained=False)
    side = recipe.preprocessing.size
    beside = {name: torch.zeros(1, 3, side, side) for name in MAPS & detector.reads}
    parts = outermost(cost(detector, side, 2, 1, beside))
    images = natural_like(options.batch, side)
    ready = {name: one.expand(options.batch, -1, -1, -1) for name, one in beside.items()}
    score = scoring(detector, images, ready)
    seconds = medians({assembly: score}, options.turns)[assembly]
    macs = sum(part.macs for part in parts if part.per == "image")
    return {
        "pixels": side,
        "M parameters": sum(part.parameters for part in parts) / 1e6,
        "GMAC": macs / 1e9,
        "images/s": options.batch / seconds,
        "GMAC/s": macs / 1e9 * options.batch / seconds,
    }


def scoring(
    detector: DetectorModule, images: Tensor, beside: Mapping[str, Tensor]
) -> Callable[[], object]:
    """One batch, without what only training runs."""
    network = detector.scoring().eval()

    @torch.inference_mode()
    def score() -> object:
        return network(images, **beside)

    return score


if __name__ == "__main__":
    main()
