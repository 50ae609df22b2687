"""Labels by name: real or fake, and the three finer levels of a forgery."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Label = Literal["real", "fake"]
Verdict = Literal["real", "fake", "uncertain"]
"""What a detector calls an image; ``uncertain`` only where it has a band of uncertain scores."""
LABELS: tuple[Label, Label] = ("real", "fake")
"""In the order of the detector's logits."""


@dataclass(frozen=True, slots=True, order=True)
class HierarchicalLabel:
    """The four levels of a face's label (III-B). Empty where a data set does not say."""

    label: Label
    """Level 1."""
    forgery: str = ""
    """Level 2: ``EFS`` entire synthesis, ``AM`` attribute manipulation, ``FS`` face swap."""
    family: str = ""
    """Level 3: ``diffusion`` or ``GAN``."""
    generator: str = ""
    """Level 4: the generator's name."""

    @property
    def is_fake(self) -> bool:
        """Whether level 1 says fake."""
        return self.label == "fake"
