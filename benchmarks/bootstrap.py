"""Time and memory of the bootstrap, against a loop that calls scikit-learn for each resample.

The loop draws the same images and computes AUC and average precision only; the vectorised form
computes eleven measures. Times are of the processor, so a busy machine matters less.

    OMP_NUM_THREADS=1 python benchmarks/bootstrap.py --images 10000 --resamples 1000
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from mfclip.evaluation.evaluate import evaluate
from mfclip.metrics.bootstrap import Resampler, View, replicate
from mfclip.metrics.operating import OperatingPoints, fit_operating_points
from mfclip.metrics.scores import ScoreTable
from mfclip.recipe.settings import EvaluationSettings

GROUPS = 4
GENERATORS = 6
LOOPED = 10
"""Resamples that the loop is timed on."""


def table_of(images: int, per_identity: int) -> ScoreTable:
    """Half fakes, in four groups, from six generators."""
    rng = np.random.default_rng(0)
    number = np.arange(images)
    is_fake = rng.random(images) < 0.5
    identity = np.full(images, "") if per_identity == 1 else (number // per_identity).astype(str)
    empty = np.full(images, "")
    return ScoreTable(
        path=number.astype(str),
        log_odds=rng.normal(size=images) + 2 * is_fake,
        is_fake=is_fake,
        group=(number // 7 % GROUPS).astype(str),
        forgery=empty,
        family=empty,
        generator=np.where(is_fake, (number % GENERATORS).astype(str), ""),
        identity=identity,
    )


def vectorised(table: ScoreTable, resamples: int) -> None:
    everything = np.ones(len(table), dtype=bool)
    view = View.make(table, everything, OperatingPoints(), (0.5, 0.7))
    replicate([view], Resampler.make(table), resamples, [0])


def looped(table: ScoreTable, resamples: int) -> None:
    for weights in Resampler.make(table).weights(resamples, [0]):
        for row in weights:
            fake, score = np.repeat(table.is_fake, row), np.repeat(table.log_odds, row)
            roc_auc_score(fake, score)
            average_precision_score(fake, score)


def seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def peak_mib(work: Callable[[], object]) -> float:
    tracemalloc.start()
    work()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=1_000)
    options = parser.parse_args()
    images, resamples = options.images, options.resamples
    print(f"{images} images, {resamples} resamples, processor seconds")
    for per_identity in (1, 5):
        table = table_of(images, per_identity)
        ours = seconds(partial(vectorised, table, resamples))
        loop = seconds(partial(looped, table, LOOPED)) * resamples / LOOPED
        unit = "images" if per_identity == 1 else f"identities of {per_identity} images"
        print(f"  {unit}: {ours:.2f} s vectorised, {loop:.1f} s looped, {loop / ours:.0f} times")
    table, settings = table_of(images, 1), EvaluationSettings(bootstrap=resamples)
    points = fit_operating_points(table)
    whole = seconds(partial(evaluate, table, points, settings))
    print(f"  evaluate(), {GROUPS} groups, {GENERATORS} generators: {whole:.2f} s")
    for count in (resamples, 4 * resamples):
        peak = peak_mib(partial(vectorised, table, count))
        print(f"  peak memory, {count} resamples: {peak:.1f} MiB")


if __name__ == "__main__":
    main()
