"""How ``mfclip score`` ends: what there was, and an exit code that tells what has no verdict."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, get_args

import typer

if TYPE_CHECKING:
    from mfclip.data.left_out import LeftOut


def tell(counts: Counter[str], left_out: LeftOut, computed: str) -> None:
    """Say how many there were of each outcome, and what was left out."""
    total = counts.total()
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    typer.echo(f"{total} files: {told}; {computed}" if total else "no files", err=True)
    if left_out:
        typer.echo(f"left out: {left_out} (no images, no films)", err=True)


def require_verdicts(counts: Counter[str]) -> None:
    """Raise :class:`mfclip.errors.SomeFilesFailed` where a file has none."""
    from mfclip.data.labels import Verdict
    from mfclip.errors import SomeFilesFailed

    failed = counts.total() - sum(counts[verdict] for verdict in get_args(Verdict))
    if failed:
        raise SomeFilesFailed(
            f"{failed} of {counts.total()} files could not be scored; see their status and reason"
        )
