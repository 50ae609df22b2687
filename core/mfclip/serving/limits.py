"""What a service takes, and how much of it at once."""

from __future__ import annotations

from dataclasses import dataclass

from mfclip.data.images import MAX_PIXELS
from mfclip.errors import UsageError

RETRY = 1
"""Seconds after which a client that was turned away may come again."""

_COUNTS = (
    "max_bytes",
    "max_pixels",
    "max_files",
    "queue",
    "batch_size",
    "max_film_bytes",
    "max_frames",
    "films",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on requests. Together they bound the memory.

    Uploads take at most ``queue`` times ``max_bytes``; decoded pictures that wait at most
    ``max_pixels`` times 3 bytes, and as much for each decoding thread. Films are written to
    disk, at most ``films`` times ``max_film_bytes``.
    """

    max_bytes: int = 32 << 20
    """Bytes of one request's body."""
    max_pixels: int = MAX_PIXELS
    """Pixels of one image, of a clip all frames together."""
    max_files: int = 32
    """Images in one request."""
    queue: int = 64
    """Requests in hand at once: being read, waiting, or scored. The next one is turned away."""
    timeout: float = 60.0
    """Seconds in which a request must have arrived and been answered."""
    batch_size: int = 24
    """Images in one forward pass."""
    max_film_bytes: int = 512 << 20
    """Bytes of a film's request."""
    max_frames: int = 1024
    """Frames of a film that are scored."""
    films: int = 4
    """Films in hand at once: arriving, waiting or being scored. The next one is turned away."""
    film_timeout: float = 600.0
    """Seconds in which a film must have arrived, and again in which it must have been scored."""
    keep: float = 600.0
    """Seconds for which the answer to a film can be asked for."""
    linger: float = 0.005
    """Seconds that a batch waits for further images while the detector is idle."""

    def __post_init__(self) -> None:
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is 1 or more, got {getattr(self, name)}")
        if self.max_pixels > MAX_PIXELS:
            raise UsageError(f"max_pixels is at most {MAX_PIXELS}, got {self.max_pixels}")
        for name in ("timeout", "film_timeout", "keep"):
            if not 0 < getattr(self, name) < float("inf"):
                got = f"{getattr(self, name):g}"
                raise UsageError(f"{name} is a number of seconds above 0, got {got}")
        if not 0 <= self.linger <= 1:
            raise UsageError(f"linger is 0 to 1 seconds, got {self.linger:g}")
