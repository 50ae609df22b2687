"""Two logistic regressions that any forgery detector has to beat, on a folder with a manifest.

``spectrum``: log power over 64 radial frequency bins of the grey image. ``colour``: mean and
standard deviation of each RGB channel. Both are fitted on the train split and scored on the test
split of the same group; between generators, the fakes of one train and those of another test.

    python benchmarks/faces_baselines.py --root FACES
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mfclip.data.manifest import Manifest, Row, read_manifest

BINS = 64
Features = NDArray[np.float64]


def spectrum(image: Image.Image) -> Features:
    """Log power of the grey image by distance from the zero frequency: (64,)."""
    grey = np.asarray(image.convert("L"), dtype=np.float64)
    window = np.outer(np.hanning(grey.shape[0]), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    radius = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, grey.shape), indexing="ij"))
    bin_of = np.minimum((radius / 0.5 * BINS).astype(int), BINS - 1)
    sums = np.bincount(bin_of.ravel(), power.ravel(), BINS)
    return np.log(sums / np.bincount(bin_of.ravel(), minlength=BINS) + 1e-9)


def colour(image: Image.Image) -> Features:
    """Mean and standard deviation of R, G and B: (6,)."""
    pixels = np.asarray(image.convert("RGB"), dtype=np.float64).reshape(-1, 3)
    return np.concatenate([pixels.mean(0), pixels.std(0)])


def features_of(manifest: Manifest, feature: Callable[[Image.Image], Features]) -> Features:
    rows = []
    for row in manifest.rows:
        with Image.open(manifest.file(row)) as image:
            rows.append(feature(image))
    return np.stack(rows)


def auc(
    x: Features, rows: tuple[Row, ...], train: NDArray[np.bool_], test: NDArray[np.bool_]
) -> float:
    fake = np.array([row.label.label == "fake" for row in rows])
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    model.fit(x[train], fake[train])
    return float(roc_auc_score(fake[test], model.decision_function(x[test])))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, help="Default: manifest.csv in the root.")
    options = parser.parse_args()
    manifest = read_manifest(options.manifest or options.root / "manifest.csv", options.root)
    rows = manifest.rows
    split, group, generator = (
        np.array([getattr(row, name) for row in rows])
        if name != "generator"
        else np.array([row.label.generator for row in rows])
        for name in ("split", "group", "generator")
    )
    tables = {"spectrum": features_of(manifest, spectrum), "colour": features_of(manifest, colour)}
    everything = np.ones(len(rows), dtype=bool)
    print("| trained on → tested on | spectrum AUC | colour AUC |\n|---|---|---|")

    def line(title: str, seen: NDArray[np.bool_], unseen: NDArray[np.bool_]) -> None:
        train, test = seen & (split == "train"), unseen & (split == "test")
        cells = [f"{auc(x, rows, train, test):.3f}" for x in tables.values()]
        print(f"| {title} | {' | '.join(cells)} |")

    line("all → all", everything, everything)
    for name in sorted(set(group)):
        line(f"{name} → {name}", group == name, group == name)
    for a, b in permutations(sorted(set(generator[group == "matched-crop"]) - {""}), 2):
        line(
            f"{a} → {b}",
            (group == "matched-crop") & np.isin(generator, ["", a]),
            (group == "matched-crop") & np.isin(generator, ["", b]),
        )


if __name__ == "__main__":
    main()
