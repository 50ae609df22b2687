"""One training step of MFCLIP on a batch of reals and one generator: plain against ours.

The plain way is fp32, finds patches image by image with scikit-image, encodes the prompt of
every row over its whole context, and steps with PyTorch's default Adam. Ours is what
`mfclip-build` does. Both must give the same losses first. Run:

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
from timing import fastest, machine, table
from torch import Tensor

from mfclip.compute.precision import choose_precision, precision_name
from mfclip.detector.outputs import Outputs
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.optimiser import make_optimiser

TARGET = 4
"""Least wanted speed-up."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assembly", default="mfclip")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--precision", default="auto", help="of our way: auto, fp32 or bf16")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    precision = choose_precision(options.precision, options.device)
    setup = make_setup(options.assembly, options.batch, options.device)
    ways = make_ways(setup, options.device, precision)
    check(ways)
    seconds = fastest({name: way for name, (way, _) in ways.items()}, options.turns)
    slow = next(iter(seconds.values()))
    rows = [
        {"way": name, "s per step": taken, "times faster": slow / taken}
        for name, taken in seconds.items()
    ]
    result = {"machine": machine(options.device), "batch": options.batch, "rows": rows}
    told = f"{result['machine']}; batches of {options.batch}; target >= {TARGET}\n\n{table(rows)}"
    print(json.dumps(result, indent=2) if options.json else told)


Way = tuple[Callable[[], Tensor], Callable[[], Tensor]]
"""A whole step, and the losses of its forward pass alone."""


def make_ways(setup: Setup, device: torch.device, precision: torch.dtype) -> dict[str, Way]:
    plain, ours = plain_forward(setup), our_forward(setup, device, precision)
    slow_adam = torch.optim.Adam(setup.detector.parameters(), lr=1e-4, weight_decay=1e-3)
    fast_adam = make_optimiser(setup.detector, TrainingSettings())
    return {
        "plain, fp32": (lambda: step(plain, slow_adam), plain),
        f"ours, {precision_name(precision)}": (lambda: step(ours, fast_adam), ours),
    }


def plain_forward(setup: Setup):
    detector = setup.detector
    assert detector.tokens is not None
    vision, text = NaiveVision(detector.vision), NaiveText(detector.text)
    every_row = detector.tokens[setup.targets.prompt]

    def forward() -> Tensor:
        visual, language = vision(setup.images), text(every_row)
        features = F.normalize(visual, dim=-1)
        outputs = Outputs(
            logits=detector.head(features),
            visual=visual,
            text=language,
            predicted_text=detector.predictor(features),
            similarity=detector.alignment(visual, language, setup.targets.prompt),
        )
        return setup.objective(outputs, setup.targets)[0]

    return forward


def check(ways: dict[str, Way]) -> None:
    """The first step's loss of each way must be the same."""
    with torch.no_grad():
        found = {name: forward().item() for name, (_, forward) in ways.items()}
    first, *others = found.values()
    if any(abs(other - first) > 0.05 * abs(first) for other in others):
        raise SystemExit(f"the losses differ: {found}")


if __name__ == "__main__":
    main()
