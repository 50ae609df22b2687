"""A process that makes its share of a sample set: ``python -m mfclip_sample.worker``.

Prints a line for each picture, which is how the parent counts, and how a worker whose parent is
gone notices: the next line cannot be written, and it ends.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mfclip_sample.plan import plan
from mfclip_sample.produce import produce


def main() -> None:
    """Arguments: folder, images, size, seed, number of this worker, number of workers."""
    folder, (images, size, seed, share, shares) = sys.argv[1], map(int, sys.argv[2:])
    for item in plan(images, size, seed)[share::shares]:
        try:
            produce(item, Path(folder), size=size, seed=seed)
        except OSError as error:
            sys.exit(f"{item.row.path}: {error}")
        print(flush=True)


if __name__ == "__main__":
    main()
