"""What a build hands over to be written as a bundle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from mfclip.metrics.operating import OperatingPoints

if TYPE_CHECKING:
    from mfclip.bundle.description import Base, ChosenBy, Need
    from mfclip.data.prompts import PromptTable
    from mfclip.detector.base import DetectorModule
    from mfclip.recipe.model import Recipe


class Size(NamedTuple):
    """Of the weights of a bundle, bytes."""

    stored: int
    """In ``model.safetensors``."""
    left_out: int
    """In the tensors that a light bundle leaves to pretrained weights."""

    def __str__(self) -> str:
        """In megabytes; of a light bundle with those of a whole one beside them."""
        stored, whole = self.stored / 1e6, (self.stored + self.left_out) / 1e6
        if not self.left_out:
            return f"{stored:.1f} MB of weights"
        return f"{stored:.1f} MB of weights, a light bundle; {whole:.1f} MB if it were whole"


@dataclass(frozen=True)
class BundleContents:
    """What goes into a bundle."""

    detector: DetectorModule
    """With the weights to keep."""
    recipe: Recipe
    """Every default filled in."""
    prompts: PromptTable | None = None
    """The table that the detector was trained with."""
    needs: tuple[Need, ...] = ()
    """Owners of the recipe's parts: :func:`mfclip.bundle.description.needs_of`."""
    operating: OperatingPoints = field(default_factory=OperatingPoints)
    """Temperature and thresholds."""
    precision: Literal["", "fp32", "bf16"] = ""
    """Arithmetic in which they were fitted; empty where nothing was."""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    """Test figures as JSON values; empty where there was no test."""
    fingerprint: str = ""
    """Of the training data's manifest."""
    seed: int | None = None
    """Of the training; None for an untrained detector."""
    images: Mapping[str, int] = field(default_factory=dict)
    """Images by split, for the model card."""
    files: Mapping[str, str | bytes | Path] = field(default_factory=dict)
    """Further files by their name inside the bundle; a path is copied."""
    bases: tuple[Base, ...] = ()
    """Pretrained weights it started from: :func:`mfclip.bundle.description.bases_of`."""
    chosen_by: ChosenBy | None = None
    """How candidate and epoch were chosen; None: by validation, or not at all."""
