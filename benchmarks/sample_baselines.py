"""How hard the embedded sample set is: two logistic regressions that know nothing of faces.

One sees the radial power spectrum of the grey image, where upsampling, lost texture and missing
sensor noise show; the other sees mean and spread of each colour channel, where nothing should.

    python benchmarks/sample_baselines.py --images 600 --size 224 --seed 0
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mfclip.data.images import decode
from mfclip.data.manifest import Manifest, read_manifest
from mfclip_sample import GENERATORS, make_sample

BINS = 56
Features = NDArray[np.float64]


def spectrum(image: NDArray[np.uint8]) -> Features:
    """Log power by radius, ``BINS`` rings from the lowest frequency to Nyquist."""
    grey = image @ np.array([0.299, 0.587, 0.114])
    window = np.outer(np.hanning(len(grey)), np.hanning(grey.shape[1]))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    rows, columns = (np.fft.fftfreq(side) for side in grey.shape)
    ring = np.minimum(np.hypot(rows[:, None], columns) * 2 * BINS, BINS).astype(int).ravel()
    total = np.bincount(ring, power.ravel(), BINS + 1)[:BINS]
    return np.log(total / np.bincount(ring, minlength=BINS + 1)[:BINS] + 1)


def colour(image: NDArray[np.uint8]) -> Features:
    """Mean and standard deviation of R, G and B."""
    return np.concatenate((image.mean(axis=(0, 1)), image.std(axis=(0, 1))))


def out_of_fold(manifest: Manifest, features: Features) -> Features:
    """Scores of each image by a model that saw no image of its identity (five folds)."""
    fake = np.array([row.label.label == "fake" for row in manifest])
    people = np.array([row.identity for row in manifest])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    folds = GroupKFold(5)
    scores = cross_val_predict(
        model, features, fake, groups=people, cv=folds, method="decision_function"
    )
    return np.asarray(scores)


def train_to_test(manifest: Manifest, features: Features) -> float:
    """AUC on the test split after training on the train split."""
    split = np.array([row.split for row in manifest])
    fake = np.array([row.label.label == "fake" for row in manifest])
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    model.fit(features[split == "train"], fake[split == "train"])
    test = split == "test"
    return float(roc_auc_score(fake[test], model.decision_function(features[test])))


def report(name: str, manifest: Manifest, features: Features) -> None:
    scores = out_of_fold(manifest, features)
    names = np.array([row.label.generator for row in manifest])
    print(f"{name}: train -> test {train_to_test(manifest, features):.3f}")
    print(f"  {'five folds, all':22s} {roc_auc_score(names != '', scores):.3f}")
    for label in GENERATORS:
        chosen = (names == "") | (names == label.generator)
        print(f"  {label.generator:22s} {roc_auc_score(names[chosen] != '', scores[chosen]):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=600)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        table = make_sample(
            Path(folder, "sample"),
            images=asked.images,
            size=asked.size,
            seed=asked.seed,
            workers=asked.workers,
        )
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(
            f"made {asked.images} images of {asked.size} px in {time.perf_counter() - start:.1f} s,"
            f" {spent.ru_utime + spent.ru_stime:.1f} CPU s in workers"
        )
        manifest = read_manifest(table)
        images = [decode(file) for file in manifest.files()]
    report("radial power spectrum", manifest, np.stack([spectrum(image) for image in images]))
    report("colour and contrast", manifest, np.stack([colour(image) for image in images]))


if __name__ == "__main__":
    main()
