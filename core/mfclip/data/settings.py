"""The table of a recipe that says how images are prepared."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mfclip.data.scorable import SMALLEST


class Settings(BaseModel):
    """Base of the tables: frozen, unknown keys refused, docstrings describe the fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class PreprocessingSettings(Settings):
    """How a decoded image becomes the detector's input: resized to a square, float 0-1, RGB."""

    size: int = Field(default=224, ge=16, le=2048)
    """Side of the input, pixels. The paper uses 224."""
    interpolation: Literal["bilinear", "bicubic"] = "bilinear"
    """Filter of the resize, always with antialiasing."""
    smallest: int = Field(default=SMALLEST, ge=1, le=2048)
    """Shortest side of an image that is scored, pixels."""
    frames: int | None = Field(default=None, ge=1, le=256)
    """Frames of one sample, evenly spaced over its file, for a detector that reads clips. Without
    it a sample is one image."""
