"""``make stress``: everything that can go wrong, done on purpose, many times, from one seed.

Not part of the test suite: it takes up to half an hour on two cores. It prints a table and, with
``--out``, writes it; the exit code is 1 where anything failed.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent))

import kills
import machine
import pictures
import texts
from outcome import Outcome, Place, page

TRIALS: dict[str, Callable[[Place, random.Random], list[Outcome]]] = {
    "texts": texts.trials,
    "pictures": pictures.trials,
    "machine": machine.trials,
    "kills": kills.trials,
}


def main() -> int:
    """Run the trials that are asked for, in the order in which they are listed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("--only", action="append", choices=list(TRIALS), help="repeatable")
    parser.add_argument("--share", type=float, default=1.0, help="of the usual number of tries")
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    parser.add_argument("--out", type=Path, help="file for the table, Markdown")
    options = parser.parse_args()
    started, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory(prefix="mfclip-stress-") as scratch:
        place = Place.make(options.keep or Path(scratch), options.share)
        for name in options.only or TRIALS:
            draw = random.Random(f"{options.seed} {name}")
            for outcome in TRIALS[name](place, draw):
                outcomes.append(outcome)
                print(outcome.line(), flush=True)
    text = page(outcomes, options.seed, time.monotonic() - started)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print(text)
    return int(any(outcome.failures for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
