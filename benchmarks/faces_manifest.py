"""Write a manifest without the leaks that the data check finds, test split untouched.

An identity with images in several splits keeps those of the latest one only (test, then val,
then train): what is tested stays the same, and nothing of it is seen before.

    python benchmarks/faces_manifest.py --root FACES --out faces.csv
    mfclip-build … --set data.root=FACES --set data.file=faces.csv
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mfclip.data.manifest import Manifest, read_manifest, write_manifest

ORDER = ("", "train", "val", "test")


def without_leaks(manifest: Manifest) -> Manifest:
    latest: dict[str, int] = {}
    for row in manifest.rows:
        rank = ORDER.index(row.split)
        latest[row.identity] = max(rank, latest.get(row.identity, 0))
    kept = [
        row
        for row in manifest.rows
        if not row.identity or ORDER.index(row.split) == latest[row.identity]
    ]
    return Manifest(manifest.root, tuple(kept))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    manifest = read_manifest(options.root / "manifest.csv")
    clean = without_leaks(manifest)
    write_manifest(clean, options.out)
    print(f"{options.out}: {len(clean)} of {len(manifest)} rows kept")


if __name__ == "__main__":
    main()
