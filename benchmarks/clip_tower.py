"""A CLIP ViT-B/16 tower: ours against transformers', forward and a step of layer-norm tuning.

Both hold the same weights, drawn at random, and must give the same embeddings first. Run:

    python benchmarks/clip_tower.py [--batch 32] [--turns 3] [--device cpu] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from timing import machine, medians, native_bf16, table
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from mfclip.compute.allocator import keep_freed_memory
from mfclip.inference.fold import fold
from mfclip.inference.fuse import fuse
from mfclip.inference.predict import LAYERS
from mfclip.parts import BuildContext
from mfclip_clip.parts import ClipVit

TARGET = 1.3
"""Least wanted ratio to transformers' forward."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.device.type == "cpu":
        keep_freed_memory()
    theirs, ours = (one.to(options.device) for one in towers())
    images = torch.rand(options.batch, 3, 224, 224, device=options.device)
    precisions = [torch.float32, *([torch.bfloat16] if native_bf16(options.device) else [])]
    check(theirs, ours, images)
    rows = []
    for task, make in {"scoring": scoring, "layer-norm step": step}.items():
        for precision in precisions:
            both = {"transformers": theirs, "ours": ours}
            if make is scoring:
                both["ours"] = ready(ours, precision)
            ways = {name: make(model, images, precision) for name, model in both.items()}
            rows += told(task, precision, medians(ways, options.turns), options.batch)
    result = {"machine": machine(options.device), "batch": options.batch, "rows": rows}
    text = f"{result['machine']}; batches of {options.batch}; target >= {TARGET}\n\n{table(rows)}"
    print(json.dumps(result, indent=2) if options.json else text)


class Theirs(nn.Module):
    """transformers' tower behind the contract of an image encoder: it normalises itself."""

    def __init__(self, model: CLIPVisionModelWithProjection, ours: nn.Module) -> None:
        super().__init__()
        self.model, self.mean, self.std = model, ours.mean, ours.std

    def forward(self, images: Tensor) -> Tensor:
        embedding: Tensor = self.model((images - self.mean) / self.std).image_embeds
        return embedding


def towers() -> tuple[nn.Module, nn.Module]:
    """The same weights in both, only layer norms learning."""
    torch.manual_seed(0)
    config = CLIPVisionConfig(patch_size=16, hidden_act="quick_gelu", projection_dim=512)
    model = CLIPVisionModelWithProjection(config)
    with TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        part = ClipVit(
            patch=16,
            activation="quick-gelu",
            weights=Path(folder) / "model.safetensors",
            tune="layernorm",
        )
        context = BuildContext(image_size=224)
        ours = part.build(context)
    model.requires_grad_(False)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            module.requires_grad_()
    return Theirs(model, ours), ours


def check(theirs: nn.Module, ours: nn.Module, images: Tensor) -> None:
    """Raise where the two do not give the same embeddings."""
    with torch.no_grad():
        torch.testing.assert_close(ours(images[:4]), theirs(images[:4]), rtol=1e-3, atol=1e-4)


def ready(ours: nn.Module, precision: torch.dtype) -> nn.Module:
    """As `mfclip score` makes it ready."""
    folded = fold(ours)
    for layer in folded.modules():
        if type(layer) in LAYERS:
            layer.to(precision)
    return fuse(folded, precision)


def scoring(model: nn.Module, images: Tensor, precision: torch.dtype) -> Callable[[], object]:
    def run() -> Tensor:
        with torch.inference_mode(), autocast(images, precision):
            embedding: Tensor = model(images)
        return embedding

    return run


def step(model: nn.Module, images: Tensor, precision: torch.dtype) -> Callable[[], object]:
    def run() -> None:
        with autocast(images, precision):
            loss = model(images).float().pow(2).sum()
        loss.backward()

    return run


def autocast(images: Tensor, precision: torch.dtype) -> torch.autocast:
    return torch.autocast(images.device.type, precision, enabled=precision != torch.float32)


def told(
    task: str, precision: torch.dtype, seconds: Mapping[str, float], batch: int
) -> list[dict[str, object]]:
    slow = seconds["transformers"]
    return [
        {
            "task": task,
            "precision": str(precision).removeprefix("torch."),
            "way": way,
            "images/s": batch / taken,
            "times faster": slow / taken,
        }
        for way, taken in seconds.items()
    ]


if __name__ == "__main__":
    main()
