"""Local files of pretrained weights, as fields of parts. Nothing is ever downloaded. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from mfclip.parts import BuildContext, Misfit

if TYPE_CHECKING:
    from torch import Tensor

_SHOWN = 4
"""Names given for each kind of mismatch."""


def _safetensors(file: Path) -> Path:
    if file.suffix != ".safetensors":
        raise ValueError(
            "weights are read from .safetensors files only, since other formats can run code as "
            "they are read; safetensors.torch.save_file writes one from a state dict"
        )
    return file


WeightFile = Annotated[Path, AfterValidator(_safetensors)]
"""A local file of weights; the name must end in ``.safetensors``."""


def absent(weights: Path | None, context: BuildContext) -> Iterator[Misfit]:
    """A misfit of the field ``weights`` where its file is wanted and not there."""
    if weights is not None and context.pretrained and not weights.is_file():
        yield Misfit("weights", f"there is no file {str(weights)!r}; leave it out to start anew")


def mismatch(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """How a file's tensors differ from a module's state, a line for each kind; empty if not."""
    wrong = [
        f"{key} {list(given[key].shape)} instead of {list(own[key].shape)}"
        for key in own
        if key in given and own[key].shape != given[key].shape
    ]
    found = {
        "missing": [key for key in own if key not in given],
        "unexpected": [key for key in given if key not in own],
        "of another shape": wrong,
    }
    return [f"{kind}: {_some(keys)}" for kind, keys in found.items() if keys]


def _some(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN
    return ", ".join(keys[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
