"""Pictures that a column of the manifest names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from mfclip.data.images import decode
from mfclip.data.source import Source
from mfclip.errors import DataError


@dataclass(frozen=True, slots=True)
class ReadsColumn:
    """Source -> the picture that its row names, (c, h, w), uint8."""

    column: str
    channels: int

    def __call__(self, source: Source) -> UInt8[Tensor, "c height width"]:
        """Black where the cell is empty.

        Raises
        ------
        DataError
            Where the manifest has no such column.
        ImageError
            Where the picture cannot be read.
        """
        if self.column not in source.cells:
            known = ", ".join(source.cells) or "none"
            raise DataError(f"the manifest has no column {self.column!r}; further columns: {known}")
        name = source.cells[self.column]
        if not name:
            return torch.zeros(self.channels, *source.image.shape[-2:], dtype=torch.uint8)
        picture = decode((source.root or Path()) / name)  # (h, w, 3)
        if self.channels == 1:
            picture = np.rint(picture.mean(-1, keepdims=True)).astype(np.uint8)  # (h, w, 1)
        return torch.from_numpy(picture).permute(2, 0, 1).contiguous()
