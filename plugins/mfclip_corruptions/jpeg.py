"""True JPEG compression, by libjpeg through Pillow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor

Subsampling = Literal["4:2:0", "4:2:2", "4:4:4"]
"""How many colour samples a JPEG keeps."""


def compress_jpeg(
    images: UInt8[Tensor, "batch 3 height width"],
    quality: int,
    seeds: Sequence[int],
    *,
    subsampling: Subsampling,
) -> UInt8[Tensor, "batch 3 height width"]:
    """Code each image as a JPEG file of ``quality`` (libjpeg's scale, 1-95) and decode it.

    Not random. Computed on the CPU.
    """
    decoded = [_decoded(jpeg_bytes(image, quality, subsampling)) for image in images]
    return torch.stack(decoded).to(images.device)


def jpeg_bytes(
    image: UInt8[Tensor, "3 height width"], quality: int, subsampling: Subsampling = "4:2:0"
) -> bytes:
    """The file: baseline JPEG, libjpeg's standard tables scaled by the quality."""
    pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return file.getvalue()


def _decoded(file: bytes) -> UInt8[Tensor, "3 height width"]:
    with Image.open(io.BytesIO(file)) as image:
        return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()
