"""One training step of MFCLIP on a batch of reals and one generator: plain against ours.

The plain way is fp32, finds patches image by image with scikit-image, encodes the prompt of
every row over its whole context, and steps with PyTorch's default Adam, in a process of its own.
Ours is what `mfclip-build` does, which keeps freed memory. Both must give the same losses first.
Run:

    python benchmarks/training_step.py [--batch 24] [--turns 2] [--device cpu] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable

import torch
import torch.nn.functional as F
from naive.text import NaiveText
from naive.vision import NaiveVision
from subjects import Setup, make_setup, our_forward, step
from timing import Apart, machine, medians, table
from torch import Tensor

from mfclip.compute.allocator import keep_freed_memory
from mfclip.compute.precision import choose_precision, precision_name
from mfclip.detector.outputs import Outputs
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.optimiser import make_optimiser

PLAIN = "plain, fp32"
TARGETS = {torch.float32: 3, torch.bfloat16: 8}
"""Least wanted speed-ups, without and with bfloat16 units."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assembly", default="mfclip")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--precision", default="auto", help="of our way: auto, fp32 or bf16")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        Apart.serve(plain_way(options))
        return
    if options.device.type == "cpu":
        keep_freed_memory()
    rows = compare(options)
    result = {"machine": machine(options.device), "batch": options.batch, "rows": rows}
    told = f"{result['machine']}; batches of {options.batch}\n\n{table(rows)}"
    print(json.dumps(result, indent=2) if options.json else told)


def plain_way(options: argparse.Namespace) -> Callable[[], list[float]]:
    """The loss of the first step, then step after step."""
    setup = make_setup(options.assembly, options.batch, options.device)
    forward = plain_forward(setup)
    adam = torch.optim.Adam(setup.detector.parameters(), lr=1e-4, weight_decay=1e-3)
    return lambda: [step(forward, adam).item()]


def compare(options: argparse.Namespace) -> list[dict[str, object]]:
    precision = choose_precision(options.precision, options.device)
    setup = make_setup(options.assembly, options.batch, options.device)
    ours = our_forward(setup, options.device, precision)
    adam = make_optimiser(setup.detector, TrainingSettings())
    shared = ("assembly", "batch", "device")
    plain = Apart(__file__, "--plain", *(f"--{key}={getattr(options, key)}" for key in shared))
    check(plain.found[0], step(ours, adam).item())
    name = f"ours, {precision_name(precision)}"
    seconds = medians({PLAIN: plain, name: lambda: step(ours, adam)}, options.turns)
    plain.close()
    return [
        {
            "way": way,
            "s per step": taken,
            "times faster": seconds[PLAIN] / taken,
            "wanted": TARGETS[precision] if way == name else "",
        }
        for way, taken in seconds.items()
    ]


def plain_forward(setup: Setup):
    detector = setup.detector
    assert detector.tokens is not None
    vision, text = NaiveVision(detector.vision), NaiveText(detector.text)
    every_row = detector.tokens[setup.targets.prompt]

    def forward() -> Tensor:
        visual, language = vision(setup.images), text(every_row)
        features = F.normalize(visual, dim=-1) if detector.normalise else visual
        outputs = Outputs(
            logits=detector.head(features),
            visual=visual,
            text=language,
            predicted_text=detector.predictor(features),
            similarity=detector.alignment(visual, language, setup.targets.prompt),
        )
        return setup.objective(outputs, setup.targets)[0]

    return forward


def check(plain: float, ours: float) -> None:
    """The first step's loss of each way must be the same."""
    if abs(ours - plain) > 0.05 * abs(plain):
        raise SystemExit(f"the losses differ: {plain:.6g} the plain way, {ours:.6g} ours")


if __name__ == "__main__":
    main()
