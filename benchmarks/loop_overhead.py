"""What the training loop adds to a bare one: decoding, checks, logs, a progress bar's reports.

The bare loop has its batches decoded and preprocessed in memory and does forward, cross-entropy,
backward and fused Adam, nothing else. Ours reads JPEG files, validates what it computes and
writes its logs; validation and checkpoints are left out of its time. Both take turns.

    python benchmarks/loop_overhead.py --model cvit --size 224 --batch 8 --steps 4
    python benchmarks/loop_overhead.py --model linear --size 64 --batch 8 --steps 200
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from mfclip.compute.devices import choose_device
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.loader import training_loader
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.detector.assemble import LossTerm
from mfclip.detector.outputs import Outputs, Targets
from mfclip.detector.whole import PluginDetector
from mfclip.parts import BuildContext
from mfclip.recipe.settings import PreprocessingSettings, TrainingSettings
from mfclip.training.loop import train
from mfclip.training.progress import SilentProgress
from mfclip.training.records import StepReport, TrainingPlan

Seconds = tuple[float, float]
"""By the wall clock, and of this process's CPU time: steadier where others use the machine."""


def now() -> Seconds:
    return time.perf_counter(), time.process_time()


def since(start: Seconds) -> Seconds:
    return time.perf_counter() - start[0], time.process_time() - start[1]


class Stopwatch(SilentProgress):
    """Times an epoch from its beginning to its last step."""

    def begin(self, plan: TrainingPlan) -> None:
        self.started = now()

    def step(self, report: StepReport) -> None:
        self.taken = since(self.started)


class CrossEntropy(nn.Module):
    def forward(self, outputs: Outputs, targets: Targets) -> Tensor:
        return nn.functional.cross_entropy(outputs.logits, targets.label)


def make_detector(model: str, size: int) -> PluginDetector:
    torch.manual_seed(0)
    if model == "linear":
        return PluginDetector(nn.Sequential(nn.Flatten(), nn.Linear(3 * size * size, 2)))
    from mfclip_vision.parts import Cvit

    part = Cvit()
    encoder = part.build(BuildContext(image_size=size))
    return PluginDetector(nn.Sequential(encoder, nn.Linear(part.width, 2)))


def draw(folder: Path, images: int, size: int) -> Manifest:
    """Smooth noise in JPEG, real and fake in turn; four more images to validate on."""
    rng = np.random.default_rng(0)
    rows = []
    for place in range(images + 4):
        coarse = rng.integers(0, 255, (size // 8, size // 8, 3), dtype=np.uint8)
        path = Path(f"{place}.jpg")
        Image.fromarray(coarse).resize((size, size)).save(folder / path, quality=90)
        label = HierarchicalLabel("fake" if place % 2 else "real")
        rows.append(Row(path, label, "train" if place < images else "val"))
    return Manifest(folder, tuple(rows))


def bare(
    detector: PluginDetector, batches: list[tuple[Tensor, Tensor]], device: torch.device
) -> Seconds:
    """An epoch."""
    adam = torch.optim.Adam(detector.parameters(), lr=1e-4, weight_decay=1e-3, fused=True)
    detector.train()
    started = now()
    for images, label in batches:
        loss = nn.functional.cross_entropy(detector(images).logits, label)
        loss.backward()
        adam.step()
        adam.zero_grad(set_to_none=True)
    if device.type == "cuda":
        torch.cuda.synchronize()
    return since(started)


def ours(
    detector: PluginDetector,
    manifest: Manifest,
    preprocessor: Preprocessor,
    settings: TrainingSettings,
    device: torch.device,
) -> Seconds:
    """An epoch without its validation."""
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as run:
        train(
            detector,
            [LossTerm("cross-entropy", 1.0, CrossEntropy())],
            train=manifest.of_split("train"),
            val=manifest.of_split("val"),
            prompts=None,
            preprocessor=preprocessor,
            settings=settings,
            run=Path(run),
            device=device,
            progress=watch,
        )
    return watch.taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", choices=["cvit", "linear"], default="cvit")
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = choose_device(options.device)
    settings = TrainingSettings(
        epochs=1, batch_size=options.batch, workers=options.workers, precision="fp32"
    )
    preprocessor = Preprocessor(PreprocessingSettings(size=options.size))
    detector = make_detector(options.model, options.size).to(device)
    with tempfile.TemporaryDirectory() as folder:
        manifest = draw(Path(folder), options.batch * options.steps, options.size)
        loader = training_loader(
            manifest.of_split("train"), None, batch_size=options.batch, seed=0, epoch=0, workers=0
        )
        batches = [(preprocessor(b.images, device), b.label.to(device)) for b in loader]
        ours(detector, manifest, preprocessor, settings, device)  # first use loads and allocates
        pairs = [
            (
                ours(detector, manifest, preprocessor, settings, device),
                bare(detector, batches, device),
            )
            for _ in range(options.repeats)
        ]
    print(f"{options.model}, batch {options.batch}, {options.size} pixels, {device}")
    for kind, name in enumerate(("wall", "CPU")):
        mine, plain = (
            1e3 * statistics.median(taken[kind] for taken in side) / options.steps
            for side in zip(*pairs, strict=True)
        )
        print(
            f"  {name} ms a step: bare {plain:.1f}, ours {mine:.1f}, "
            f"ratio {mine / plain:.2f}, added {mine - plain:.1f}"
        )


if __name__ == "__main__":
    main()
