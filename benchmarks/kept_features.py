"""What carries over to a generator left out, by linear models on a frozen tower's kept features.

Each generator of the training and validation rows is left out in turn. Reals of all groups stay. A
logistic regression is fitted on two thirds of the identities (every changed version and pseudo-fake
that the recipe's epochs show), and judged on the others: the fakes left out against the reals of
all groups. Every group and label weighs alike, and reals as much as fakes. The test split is left
alone, so settings may be chosen by what this shows.

    python benchmarks/kept_features.py --recipe recipes/faces-clip.toml \
        --set data.root=FACES --set data.file=faces.csv
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from mfclip.building.reading import read_data
from mfclip.data.loader import evaluation_loader, training_loader
from mfclip.data.manifest import Manifest, Row
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import plugins_for, read_registry
from mfclip.training.augment import make_augmenter
from mfclip.training.feed import Feed
from mfclip.training.pseudo import make_pseudo_fakes

INPUT = "clip-features"
ALL = [
    "input.0.read=[1,2,3,4,5,6,7,8,9,10,11,12]",
    "vision.length=18432",
    "augmentation.pseudo=0.3",
]
BLOCKS = {"all": slice(0, 12), "1-6": slice(0, 6), "7-12": slice(6, 12), "9-12": slice(8, 12)}
COMPONENTS = 800
WIDTH = 768
PSEUDO = "pseudo-fake"
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Table:
    """Vectors (N, blocks, 2 n), and of each its row and whether it is a pseudo-fake."""

    vectors: NDArray[np.float16]
    rows: Sequence[Row]
    pseudo: NDArray[np.bool_]

    @property
    def kind(self) -> NDArray[np.str_]:
        """``real``, a generator, or a pseudo-fake."""
        each = zip(self.rows, self.pseudo, strict=True)
        return np.array([PSEUDO if p else row.label.generator or "real" for row, p in each])

    @property
    def group(self) -> NDArray[np.str_]:
        return np.array([row.group for row in self.rows])

    def only(self, keep: NDArray[np.bool_]) -> Table:
        rows = [row for row, kept in zip(self.rows, keep, strict=True) if kept]
        return Table(self.vectors[keep], rows, self.pseudo[keep])


def main() -> None:
    recipe, epochs = asked(__doc__, ALL)
    manifest = read_data(recipe)
    shown = seen(recipe, manifest.of_split("train"), epochs)
    plain = [as_they_are(recipe, manifest.of_split(split)) for split in ("train", "val")]
    fit = shown.only(np.array([not held(row) for row in shown.rows]))
    judged = joined(plain[0].only(np.array([held(row) for row in plain[0].rows])), plain[1])
    print(f"{len(fit.rows)} vectors to fit on, {len(judged.rows)} images to judge by")
    tell(fit, judged)


def asked(text: str, first: Sequence[str] = ()) -> tuple[Recipe, int]:
    """The recipe of the command line, and how many epochs."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--recipe", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--epochs", type=int, default=6, help="whose changed versions are seen")
    options = parser.parse_args()
    catalogue = read_registry(None)
    recipe = read_recipe(
        options.recipe,
        overrides=[*first, *options.set],
        plugins=plugins_for(catalogue),
        registry=catalogue,
    )
    return recipe, options.epochs


def held(row: Row) -> bool:
    """Whether the identity belongs to the third that is kept from fitting."""
    return int(hashlib.sha256(row.identity.encode()).hexdigest(), 16) % 3 == 0


def seen(recipe: Recipe, train: Manifest, epochs: int) -> Table:
    """The distinct vectors that some epochs of training see."""
    settings, context = recipe.training, recipe.context()
    assert settings is not None
    feed = Feed(
        train,
        None,
        recipe.preprocessor(),
        torch.device("cpu"),
        make_augmenter(recipe.augmentation, context),
        settings.seed,
        make_pseudo_fakes(recipe.augmentation, context, None),
    )
    found: dict[tuple[int, bool, bytes], Any] = {}
    for epoch in range(epochs):
        size, seed, sampling = settings.batch_size, settings.seed, settings.sampling
        batches = training_loader(
            train, None, batch_size=size, seed=seed, epoch=epoch, sampling=sampling, workers=0
        )
        for batch in batches:
            forged = feed.forge(batch, epoch)
            vectors = feed(forged, epoch, 0.0).reads[INPUT].half().numpy()
            for place, (row, vector) in enumerate(zip(forged.rows, vectors, strict=True)):
                found[row, place in forged.places, vector.tobytes()] = vector
    return table([(train.rows[row], pseudo, vector) for (row, pseudo, _), vector in found.items()])


def as_they_are(recipe: Recipe, manifest: Manifest) -> Table:
    """One vector an image, nothing changed."""
    feed = Feed(manifest, None, recipe.preprocessor(), torch.device("cpu"), None, 0)
    batches = evaluation_loader(manifest, None, batch_size=32, workers=0)
    vectors: Iterator[Any] = (
        vector
        for fed in feed.plain(iter(batches), 0.0)
        for vector in fed.reads[INPUT].half().numpy()
    )
    return table([(row, False, vector) for row, vector in zip(manifest.rows, vectors, strict=True)])


def table(found: Sequence[tuple[Row, bool, Any]]) -> Table:
    vectors = np.stack([vector for _, _, vector in found]).reshape(len(found), -1, 2 * WIDTH)
    return Table(vectors, [row for row, _, _ in found], np.array([p for _, p, _ in found]))


def joined(one: Table, other: Table) -> Table:
    return Table(
        np.concatenate([one.vectors, other.vectors]),
        [*one.rows, *other.rows],
        np.concatenate([one.pseudo, other.pseudo]),
    )


def tell(fit: Table, judged: Table) -> None:
    """A row of the table for each choice of blocks, erasing, and weight of pseudo-fakes."""
    generators = sorted(set(judged.kind) - {"real"})
    print("| blocks | groups erased | pseudo-fakes |", " | ".join(generators), "| mean |")
    print("|:--|:--|--:|" + "--:|" * (len(generators) + 1))
    for name, blocks in BLOCKS.items():
        spaces = components(fit.vectors[:, blocks], judged.vectors[:, blocks])
        for erased, weight in ((False, 0.4), (True, 0.4), (True, 0.15), (True, 0.05), (True, 0.0)):
            aucs = [left_out(*spaces, fit, judged, g, erased, weight) for g in generators]
            cells = " | ".join(f"{100 * auc:.1f}" for auc in [*aucs, np.mean(aucs)])
            print(f"| {name} | {'yes' if erased else 'no'} | {weight} | {cells} |", flush=True)


def components(fit: NDArray[np.float16], judged: NDArray[np.float16]) -> tuple[Vectors, Vectors]:
    """Both standardised by the first, along its principal directions."""
    a, b = (one.reshape(len(one), -1).astype(np.float32) for one in (fit, judged))
    mean, deviation = a.mean(0), a.std(0) + 1e-6
    a, b = ((one - mean) / deviation / np.sqrt(a.shape[1]) for one in (a, b))
    some = a[np.random.default_rng(0).permutation(len(a))[:4000]]
    values, vectors = np.linalg.eigh(some @ some.T)
    largest = slice(-1, -1 - min(COMPONENTS, len(some) - 1), -1)
    directions = some.T @ vectors[:, largest] / np.sqrt(values[largest])
    return a @ directions, b @ directions


def left_out(
    a: Vectors, b: Vectors, fit: Table, judged: Table, generator: str, erased: bool, weight: float
) -> float:
    """AUC of the generator against all reals, fitted without it."""
    kind, keep = fit.kind, fit.kind != generator
    keep &= (kind != PSEUDO) | (weight > 0)
    kind, group, a = kind[keep], fit.group[keep], a[keep]
    fake = kind != "real"
    if erased:
        means = np.stack([a[~fake & (group == g)].mean(0) for g in sorted(set(group))])
        directions = np.linalg.svd(means - means.mean(0), full_matrices=False)[2][: len(means) - 1]
        a, b = (one - one @ directions.T @ directions for one in (a, b))
    cell = np.char.add(np.char.add(group, "/"), np.where(kind == PSEUDO, PSEUDO, fake.astype(str)))
    _, place, count = np.unique(cell, return_inverse=True, return_counts=True)
    weights = 1 / count[place] * np.where(kind == PSEUDO, weight, 1)
    weights *= len(a) / 2 / np.where(fake, weights[fake].sum(), weights[~fake].sum())
    model = LogisticRegression(C=100, max_iter=150, tol=1e-3).fit(a, fake, sample_weight=weights)
    wanted = (judged.kind == "real") | (judged.kind == generator)
    return float(roc_auc_score(judged.kind[wanted] != "real", model.decision_function(b[wanted])))


if __name__ == "__main__":
    main()
