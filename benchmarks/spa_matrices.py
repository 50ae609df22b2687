"""Cosine similarities of images and prompts with and without SPA (the paper's Fig. 9a), and gates.

python benchmarks/spa_matrices.py --root FACES --manifest faces.csv --out pictures NAME=BUNDLE ...
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from mfclip.bundle.folder import Bundle
from mfclip.data.manifest import read_manifest
from mfclip.evaluation.report.data import SimilarityMatrix
from mfclip.evaluation.report.figures.similarity import gate_drawing, similarity_drawings
from mfclip.explain.agreement import agreement, common_pairs
from mfclip.inference.loaded import load
from mfclip.pages.svg import as_file


def means(matrix: SimilarityMatrix) -> str:
    """True pairs, other pairs of the same prompt, pairs of different prompts."""
    values, labels = np.asarray(matrix.cosine), np.asarray(matrix.labels)
    own = np.eye(len(labels), dtype=bool)
    same = labels[:, None] == labels[None, :]
    parts = (own, same & ~own, ~same)
    return " | ".join(f"{values[part].mean():.2f}" for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("bundles", nargs="+", metavar="NAME=BUNDLE")
    options = parser.parse_args()
    named: dict[str, Bundle] = {}
    for one in options.bundles:
        name, _, folder = one.partition("=")
        named[name] = load(folder).bundle
    data = read_manifest(options.manifest, options.root).of_split("test")
    rows = common_pairs(list(named.values()), data)
    found = {name: agreement(bundle, data, rows) for name, bundle in named.items()}
    drawn = similarity_drawings({name: each.cosine for name, each in found.items()})
    print("| detector | what | true pairs | same prompt, other image | other prompts |")
    print("|---|---|---|---|---|")
    for name, each in found.items():
        print(f"| {name} | cosine | {means(each.cosine)} |")
        if each.gate is not None:
            print(f"| {name} | σ(A) | {means(each.gate)} |")
            title = f"{name}: gate σ(A)"
            drawn[f"{name}-gate"] = gate_drawing(each.gate, name=f"gate-{name}", title=title)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, drawing in drawn.items():
        (options.out / f"spa-{name}.svg").write_text(as_file(drawing), encoding="utf-8")


if __name__ == "__main__":
    main()
