"""What an input beside the image is made from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from jaxtyping import UInt8
    from torch import Tensor


class Source(NamedTuple):
    """What an input is made from."""

    image: UInt8[Tensor, "*frames 3 height width"]
    """As it was decoded, before any change to it; of a clip (T, 3, H, W)."""
    root: Path | None = None
    """Folder that the paths in ``cells`` start from."""
    cells: Mapping[str, str] = {}
    """Further columns of the image's row in the manifest, by name; empty for a file by itself."""
    is_fake: bool | None = None
    """What the row says of the image; None for a file by itself."""
