"""Frames of a video: which ones are taken, and how a folder of them is listed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from mfclip.data.finding import is_image
from mfclip.data.left_out import HIDDEN, LeftOut


def list_frames(folder: Path, left_out: LeftOut) -> list[Path]:
    """The images right in a folder, in the order of the numbers in their names.

    ``left_out`` counts the rest.
    """
    names = sorted(os.listdir(folder), key=natural)  # noqa: PTH208 - the names alone
    return [folder / name for name in names if _is_frame(folder / name, left_out)]


def _is_frame(path: Path, left_out: LeftOut) -> bool:
    if path.name.startswith("."):
        left_out.add(path, HIDDEN)
        return False
    return is_image(path, left_out)


def natural(name: str) -> tuple[tuple[bool, int, str], ...]:
    """Sorts ``9.png`` before ``10.png``."""
    pieces = re.split(r"(\d+)", name)
    return tuple((not p.isdigit(), int(p) if p.isdigit() else 0, p) for p in pieces if p)
