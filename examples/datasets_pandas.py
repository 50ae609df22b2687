"""Scores beside the rows of a Hugging Face data set, and of a pandas table of paths.

Needs ``pip install mfclip datasets pandas`` and a bundle; draws its own pictures into ``people``:
``python examples/datasets_pandas.py runs/mfclip``
"""

import sys
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from datasets import Dataset, Image

import mfclip
from mfclip.inference.loaded import LoadedDetector
from mfclip.inference.score import Score, score_paths
from mfclip_sample import make_sample


def columns_of(scores: Iterable[Score]) -> dict[str, list[object]]:
    """What is kept of scores, a list for each column. Without a verdict, ``status`` says why."""
    rows = [(one.p_fake, one.verdict, str(one.status), one.threshold) for one in scores]
    names = ("p_fake", "verdict", "status", "threshold")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def score_dataset(data: Dataset, detector: LoadedDetector, column: str = "image") -> Dataset:
    """The data set with scores of its column of images, which ``datasets`` decodes.

    A file that ``datasets`` cannot decode ends it; :func:`score_frame` gives it a status instead.
    """
    return data.map(
        lambda batch: columns_of(detector.score(batch[column])),
        batched=True,
        batch_size=96,  # rows in memory at once; passes of 24 by default
    )


def score_frame(
    table: pd.DataFrame, detector: LoadedDetector, column: str = "path"
) -> pd.DataFrame:
    """The table with scores of its column of paths, decoded by several processes."""
    scores = score_paths(detector, map(Path, table[column]))
    return table.assign(**columns_of(scores))


if __name__ == "__main__":
    detector = mfclip.load(sys.argv[1])
    people = Path("people")
    make_sample(people, images=12, size=128, seed=0)
    table = pd.read_csv(people / "manifest.csv", usecols=["path", "label", "generator"])
    table["path"] = [str(people / path) for path in table["path"]]

    framed = score_frame(table, detector)
    print(framed[["path", "label", "p_fake", "verdict"]])
    print(framed.groupby("label")["p_fake"].mean())

    data = Dataset.from_dict({"image": list(table["path"]), "label": list(table["label"])})
    scored = score_dataset(data.cast_column("image", Image()), detector)
    print(scored.remove_columns("image").to_pandas())
