"""Scoring speed of the whole visual side (MVE and head): the plain way against ours.

The plain way is fp32, channels first, batch norms as trained, patches found image by image with
scikit-image, in a process of its own: ours keeps freed memory, as `mfclip score` does. Ours is with
each runtime. All must give the same log-odds first. Run:

    python benchmarks/inference.py [--batch 24] [--turns 3] [--device cpu] [--sweep 1 8 24] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from naive.vision import NaiveVision
from subjects import make_detector, natural_like
from timing import Apart, machine, medians, native_bf16, table
from torch import Tensor

from mfclip.compute.allocator import keep_freed_memory
from mfclip.data.preprocess import Preprocessor
from mfclip.detector.model import VisionLanguageDetector
from mfclip.inference.predict import Predictor
from mfclip.recipe.model import Recipe

PLAIN = "plain, fp32"
TARGETS = {torch.float32: 2.5, torch.bfloat16: 10}
"""Least wanted speed-ups, without and with bfloat16 units."""
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest allowed difference of the log-odds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assembly", default="mfclip")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--sweep", type=int, nargs="*", default=[], help="further batch sizes")
    parser.add_argument("--bf16", action="store_true", help="even where it is only imitated")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plain", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plain:
        Apart.serve(partial(plain_log_odds, options))
        return
    if options.device.type == "cpu":
        keep_freed_memory()
    rows = compare(options)
    result = {"machine": machine(options.device), "batch": options.batch, "rows": rows}
    told = f"{result['machine']}; batches of {options.batch}\n\n{table(rows)}"
    print(json.dumps(result, indent=2) if options.json else told)


def make_predictors(
    recipe: Recipe, detector: VisionLanguageDetector, options: argparse.Namespace
) -> dict[str, Predictor]:
    precisions = {"fp32": torch.float32}
    if options.bf16 or native_bf16(options.device):
        precisions["bf16"] = torch.bfloat16
    runtimes = ("torch", "fused") if options.device.type == "cpu" else ("torch",)
    preprocessor = Preprocessor(recipe.preprocessing)
    return {
        f"ours, {name}, {runtime}": Predictor(
            *(detector, preprocessor),
            device=options.device,
            precision=precision,
            runtime=runtime,
        )
        for name, precision in precisions.items()
        for runtime in runtimes
    }


def images_of(options: argparse.Namespace, size: int) -> Tensor:
    return natural_like(options.batch, size).to(options.device)


def plain_log_odds(options: argparse.Namespace) -> list[float]:
    """What the plain way gives; the detector is made once."""
    score, images = plain_way(options.assembly, options.batch, options.device)
    found: list[float] = score(images).tolist()
    return found


@cache
def plain_way(
    assembly: str, batch: int, device: torch.device
) -> tuple[Callable[[Tensor], Tensor], Tensor]:
    recipe, detector = make_detector(assembly, device)
    vision = NaiveVision(detector.vision).eval()

    @torch.no_grad()
    def score(images: Tensor) -> Tensor:
        visual = vision(images)
        logits = detector.head(F.normalize(visual, dim=-1) if detector.normalise else visual)
        return logits[:, 1] - logits[:, 0]

    return score, natural_like(batch, recipe.preprocessing.size).to(device)


def compare(options: argparse.Namespace) -> list[dict[str, object]]:
    recipe, detector = make_detector(options.assembly, options.device)
    images = images_of(options, recipe.preprocessing.size)
    predictors = make_predictors(recipe, detector, options)
    shared = ("assembly", "batch", "device")
    plain = Apart(__file__, "--plain", *(f"--{key}={getattr(options, key)}" for key in shared))
    expected = torch.tensor(plain.found, dtype=torch.float64)
    for name, predictor in predictors.items():
        check(name, predictor, images, expected)
    seconds = medians({PLAIN: plain, **timed(predictors, images)}, options.turns)
    plain.close()
    rows = [row(name, len(images), taken, seconds[PLAIN]) for name, taken in seconds.items()]
    return rows + sweep(predictors, recipe.preprocessing.size, options)


def check(name: str, predictor: Predictor, images: Tensor, expected: Tensor) -> None:
    off = (predictor.log_odds(images) - expected).abs().max().item()
    if off > TOLERANCE[predictor.precision]:
        raise SystemExit(f"{name}: log-odds differ from the plain way's by {off:.2g}")


def sweep(
    predictors: dict[str, Predictor], size: int, options: argparse.Namespace
) -> list[dict[str, object]]:
    rows = []
    for batch in options.sweep:
        images = natural_like(batch, size).to(options.device)
        for name, taken in medians(timed(predictors, images), options.turns).items():
            rows.append(row(f"{name}, batch {batch}", batch, taken, None))
    return rows


def timed(predictors: dict[str, Predictor], images: Tensor) -> dict[str, Callable[[], Tensor]]:
    return {name: partial(predictor.log_odds, images) for name, predictor in predictors.items()}


def row(name: str, batch: int, seconds: float, plain: float | None) -> dict[str, object]:
    precision = torch.bfloat16 if "bf16" in name else torch.float32
    return {
        "way": name,
        "ms per batch": 1000 * seconds,
        "images/s": batch / seconds,
        "times faster": "" if plain is None else plain / seconds,
        "wanted": TARGETS[precision] if "fused" in name and plain else "",
    }


if __name__ == "__main__":
    main()
