"""What recipes may choose from by a word."""

from __future__ import annotations

from typing import Literal

Method = Literal["nearest", "zeros", "bilinear", "bicubic", "lanczos"]
"""Ways to upsample an image."""
Decoder = Literal["nearest", "transposed", "shuffle"]
"""Ways in which a decoder upsamples."""
