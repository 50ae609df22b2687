"""Scoring speed of the whole visual side (MVE and head): the plain way against ours.

The plain way is fp32, channels first, batch norms as trained, patches found image by image with
scikit-image. Ours is what `mfclip score` runs. Both must give the same log-odds first. Run:

    python benchmarks/inference.py [--batch 24] [--turns 3] [--device cpu] [--sweep 1 8 24] [--json]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from naive.vision import NaiveVision
from subjects import make_detector, natural_like
from timing import fastest, machine, native_bf16, table
from torch import Tensor

from mfclip.data.preprocess import Preprocessor
from mfclip.detector.model import VisionLanguageDetector
from mfclip.inference.predict import Predictor
from mfclip.recipe.model import Recipe

PLAIN = "plain, fp32"
TARGET = 8
"""Least wanted speed-up with bfloat16 units."""
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 0.1}
"""Largest allowed difference of the log-odds."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assembly", default="mfclip")
    parser.add_argument("--batch", type=int, default=24)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--device", type=torch.device, default=torch.device("cpu"))
    parser.add_argument("--sweep", type=int, nargs="*", default=[], help="further batch sizes")
    parser.add_argument("--bf16", action="store_true", help="even where it is only imitated")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    recipe, detector = make_detector(options.assembly, options.device)
    images = natural_like(options.batch, recipe.preprocessing.size).to(options.device)
    predictors = make_predictors(recipe, detector, options)
    rows = compare(detector, predictors, images, options.turns)
    rows += sweep(predictors, recipe.preprocessing.size, options)
    result = {"machine": machine(options.device), "batch": options.batch, "rows": rows}
    told = f"{result['machine']}; batches of {options.batch}\n\n{table(rows)}"
    print(json.dumps(result, indent=2) if options.json else told)


def make_predictors(
    recipe: Recipe, detector: VisionLanguageDetector, options: argparse.Namespace
) -> dict[str, Predictor]:
    precisions = {"ours, fp32": torch.float32}
    if options.bf16 or native_bf16(options.device):
        precisions["ours, bf16"] = torch.bfloat16
    preprocessor = Preprocessor(recipe.preprocessing)
    return {
        name: Predictor(detector, preprocessor, device=options.device, precision=precision)
        for name, precision in precisions.items()
    }


def plain(detector: VisionLanguageDetector) -> Callable[[Tensor], Tensor]:
    vision = NaiveVision(detector.vision).eval()

    @torch.no_grad()
    def score(images: Tensor) -> Tensor:
        logits = detector.head(F.normalize(vision(images), dim=-1))
        return logits[:, 1] - logits[:, 0]

    return score


def compare(
    detector: VisionLanguageDetector,
    predictors: dict[str, Predictor],
    images: Tensor,
    turns: int,
) -> list[dict[str, object]]:
    score = plain(detector)
    expected = score(images).double()
    for name, predictor in predictors.items():
        check(name, predictor, images, expected)
    seconds = fastest({PLAIN: lambda: score(images), **timed(predictors, images)}, turns)
    return [
        row(name, len(images), taken, seconds[PLAIN] / taken) for name, taken in seconds.items()
    ]


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
        for name, taken in fastest(timed(predictors, images), options.turns).items():
            rows.append(row(f"{name}, batch {batch}", batch, taken, None))
    return rows


def timed(predictors: dict[str, Predictor], images: Tensor) -> dict[str, Callable[[], Tensor]]:
    return {name: partial(predictor.log_odds, images) for name, predictor in predictors.items()}


def row(name: str, batch: int, seconds: float, ratio: float | None) -> dict[str, object]:
    return {
        "way": name,
        "s per batch": seconds,
        "images/s": batch / seconds,
        "times faster": "" if ratio is None else ratio,
        "target": f">= {TARGET} with bf16 units" if "bf16" in name and ratio else "",
    }


if __name__ == "__main__":
    main()
