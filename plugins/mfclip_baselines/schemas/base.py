"""What the schemas of systems on a backbone of timm have in common."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

from mfclip.parts import BuildContext, Detector, Misfit
from mfclip.weights.files import WeightFile, absent
from mfclip.weights.names import WeightName


class OnTimm(Detector):
    """A detector whose backbone is timm's."""

    paper: ClassVar[str] = "IV-A, Tables I-V"
    modules: ClassVar[tuple[str, ...]] = ("timm",)
    extra: ClassVar[str | None] = "mfclip[timm]"

    weights: WeightFile | None = None
    """A name of ``mfclip weights list``, or a local .safetensors file of the backbone as timm names
    its tensors; a classifier in it is not read. Without it: trained from scratch."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there."""
        return absent(self.weights, context)

    def read_from(self, context: BuildContext) -> Path | WeightName | None:
        """The weights to begin with; none while a bundle is read back."""
        return self.weights if context.pretrained else None
