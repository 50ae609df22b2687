"""One encoder for every image: the cure where the files of real and fake images differ.

``[data] reencode = "jpeg:92"`` brings each image, once it has the detector's size, through one JPEG
encoder, or with ``png`` through none but the rounding to 8 bits. Format, size, shape and quality of
the files then are the same for all. What an earlier compression left in the pixels stays there.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8
    from numpy.typing import NDArray

PATTERN = r"^(png|jpeg:(100|[1-9][0-9]?))$"
"""What ``reencode`` may be."""


@dataclass(frozen=True)
class Reencoder:
    """An encoder with its decoder."""

    quality: int | None
    """Of JPEG on libjpeg's scale, 1-100, colours at half the resolution; None: PNG."""

    @staticmethod
    def named(text: str) -> Reencoder:
        """The one that ``png`` or ``jpeg:1`` to ``jpeg:100`` names."""
        if not re.fullmatch(PATTERN, text):
            raise ValueError(f"reencode should be png or jpeg:1 to jpeg:100, got {text!r}")
        codec, _, quality = text.partition(":")
        return Reencoder(int(quality) if codec == "jpeg" else None)

    @property
    def format(self) -> str:
        """As the data check names formats."""
        return "PNG" if self.quality is None else "JPEG"

    def __call__(
        self, pixels: UInt8[NDArray[np.uint8], "height width 3"]
    ) -> UInt8[NDArray[np.uint8], "height width 3"]:
        """Encode and decode one RGB image, 0-255."""
        if self.quality is None:
            return pixels
        import numpy as np
        from PIL import Image

        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, "JPEG", quality=self.quality, subsampling="4:2:0")
        stream.seek(0)
        return np.asarray(Image.open(stream, formats=("JPEG",)))
