"""Whether there is anything in an image that a verdict could be about."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mfclip.data.images import ImageStatus

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8
    from numpy.typing import NDArray

SMALLEST = 16
"""Pixels of the shortest side that is scored, unless a recipe says otherwise: the smallest input
that a detector may have."""
SPAN, SPREAD = 32, 1.5
"""Grey levels that each channel of a blank image spans at most, and their standard deviation.

One colour saved as WebP of quality 80 spans up to 7 and deviates by up to 1.4 (600 colours and
sizes); JPEG and PNG keep it exactly, AVIF to 3 levels."""


class Unscorable(NamedTuple):
    """Why an image gets no verdict."""

    status: ImageStatus
    """``too-small`` or ``blank``."""
    reason: str


def unscorable(
    pixels: UInt8[NDArray[np.uint8], "*frames height width 3"], smallest: int
) -> Unscorable | None:
    """Why an image, or a clip of them, gets no verdict; None where it is one to score.

    ``smallest``: pixels of the shortest side that is scored.
    """
    height, width = pixels.shape[-3:-1]
    frames = pixels.reshape(-1, height, width, 3)
    return too_small(width, height, smallest) or (_BLANK if all(map(is_blank, frames)) else None)


def too_small(width: int, height: int, smallest: int) -> Unscorable | None:
    """The same by the size alone, pixels."""
    if min(width, height) >= smallest:
        return None
    reason = (
        f"{width} x {height} pixels, and the shortest side that is scored is {smallest}; "
        "give a larger image of the face"
    )
    return Unscorable(ImageStatus.TOO_SMALL, reason)


def is_blank(pixels: UInt8[NDArray[np.uint8], "height width 3"]) -> bool:
    """Whether an image shows one colour; a fully transparent one, laid over white, does too.

    The noise of compression is allowed for: :data:`SPAN` and :data:`SPREAD`.
    """
    import numpy as np

    if (np.ptp(pixels, axis=(0, 1)) > SPAN).any():
        return False
    from PIL import Image

    counts = np.reshape(Image.fromarray(pixels).histogram(), (3, 256))
    levels = np.arange(256)
    mean = counts @ levels / counts.sum(axis=1)
    variance = counts @ levels**2 / counts.sum(axis=1) - mean**2
    return bool((variance <= SPREAD**2).all())


_BLANK = Unscorable(
    ImageStatus.BLANK, "it shows one colour or is fully transparent; give an image of a face"
)
