"""A manifest of the faces without some of them, to be tested on them: what carries over.

With --leave, fakes of the generators that are left out, and a third of the real identities of all
groups, become the test split; neither they nor anything else of those identities is trained on.
With --group, everything of a group becomes the test split: its real people and cameras are then as
new as its fakes. The test split of the file is left alone, so settings may be chosen by what this
shows.

    python benchmarks/faces_folds.py --file faces.csv --leave StarGAN --leave SDXL --out fold.csv
    python benchmarks/faces_folds.py --file faces.csv --group dfdc --out fold.csv
"""

from __future__ import annotations

import argparse
import csv
import hashlib
from pathlib import Path

HELD = 35
"""Percent of the identities that are kept from training."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--file", type=Path, required=True, help="of faces_manifest.py")
    left = parser.add_mutually_exclusive_group(required=True)
    left.add_argument("--leave", action="append", help="a generator; repeatable")
    left.add_argument("--group", action="append", help="a group; repeatable")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    rows = list(csv.DictReader(options.file.open(newline="")))
    column, names = ("generator", options.leave) if options.leave else ("group", options.group)
    absent = sorted(set(names) - {row[column] for row in rows})
    if absent:
        parser.error(f"{options.file} has no {column} {', '.join(absent)}")
    kept = fold(rows, set(names), column)
    with options.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(kept)
    print(f"{options.out}: {len(kept)} of {len(rows)} rows")


def fold(rows: list[dict[str, str]], left: set[str], column: str) -> list[dict[str, str]]:
    """Rows of train and validation, with the split that they have in this fold."""
    where = without_generators if column == "generator" else without_groups
    placed = [
        {**row, "split": split}
        for row in rows
        if row["split"] != "test" and (split := where(row, left))
    ]
    tested = {row["identity"] for row in placed if row["split"] == "test"}
    return [row for row in placed if row["split"] == "test" or row["identity"] not in tested]


def without_groups(row: dict[str, str], left: set[str]) -> str:
    """The split of a row."""
    return "test" if row["group"] in left else row["split"]


def without_generators(row: dict[str, str], left: set[str]) -> str:
    """The split of a row; empty where it belongs nowhere."""
    own = held(row["identity"])
    if row["label"] == "real":
        return "test" if own else row["split"]
    if row["generator"] not in left:
        return row["split"]
    return "test" if own or row["split"] == "val" else ""


def held(identity: str) -> bool:
    """Whether an identity is kept from training; by its name, so that folds agree."""
    return int(hashlib.sha256(f"k{identity}".encode()).hexdigest(), 16) % 100 < HELD


if __name__ == "__main__":
    main()
