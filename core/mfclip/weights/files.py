"""Pretrained weights as fields of parts: a name or a local file. Fetches nothing; no torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from mfclip.errors import UsageError
from mfclip.files import sha256
from mfclip.parts import BuildContext, Misfit
from mfclip.weights.names import WeightName
from mfclip.weights.store import NETWORK, TENSORS, file_of, is_here, not_here, record_of

if TYPE_CHECKING:
    from torch import Tensor

_SHOWN = 4
"""Names given for each kind of mismatch."""


def refused(file: Path) -> str:
    """Why a file is not read; empty where it is a safetensors file by its name."""
    if file.suffix == ".safetensors":
        return ""
    return (
        "weights are read from .safetensors files only, since other formats can run code as "
        "they are read; safetensors.torch.save_file writes one from a state dict"
    )


def _safetensors(file: Path | WeightName) -> Path | WeightName:
    if isinstance(file, Path) and (told := refused(file)):
        raise ValueError(told)
    return file


WeightFile = Annotated[WeightName | Path, AfterValidator(_safetensors)]
"""Weights by their name in ``mfclip weights list``, or a local ``.safetensors`` file."""


def _onnx(file: Path | WeightName) -> Path | WeightName:
    if isinstance(file, Path) and file.suffix != NETWORK:
        raise ValueError(
            "a network is read from an .onnx file, which holds layers and weights and no code; "
            f"got one that ends in {file.suffix!r}"
        )
    return file


NetworkFile = Annotated[WeightName | Path, AfterValidator(_onnx)]
"""A network to run as it is: its name in ``mfclip weights list``, or a local ``.onnx`` file."""


def located(weights: WeightName | Path) -> Path:
    """The file. Raises :class:`UsageError` where weights of that name are not here."""
    if isinstance(weights, Path):
        return weights
    if not is_here(weights):
        raise UsageError(not_here(weights))
    return file_of(weights)


def hash_of(weights: WeightName | Path) -> str:
    """sha256 of the file; of weights that are kept by name, as their record has it.

    A file is read once in a process, and again where its size or its time of change is another.

    Raises :class:`UsageError` where they are not here.
    """
    if not isinstance(weights, Path):
        return record_of(weights).sha256
    if not weights.is_file():
        raise UsageError(f"there is no file of weights {str(weights)!r}")
    about = weights.stat()
    return _hash(weights.resolve(), about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=256)
def _hash(file: Path, size: int, mtime_ns: int) -> str:
    return sha256(file)


def absent(weights: WeightName | Path | None, context: BuildContext) -> Iterator[Misfit]:
    """A misfit of the field ``weights`` where they are wanted and not there."""
    if weights is not None and context.pretrained:
        yield from _misfit(weights, TENSORS, "; leave it out to start anew")


def absent_network(weights: WeightName | Path, context: BuildContext) -> Iterator[Misfit]:
    """The same of a network that is run as it is."""
    if context.pretrained:
        yield from _misfit(weights, NETWORK, "")


def _misfit(weights: WeightName | Path, ending: str, advice: str) -> Iterator[Misfit]:
    if isinstance(weights, Path):
        if not weights.is_file():
            yield Misfit("weights", f"there is no file {str(weights)!r}{advice}")
    elif not is_here(weights):
        yield Misfit("weights", not_here(weights))
    elif (found := file_of(weights).suffix) != ending:
        told = f"{str(weights)!r} is kept as {found}, and {ending} is read here; name others"
        yield Misfit("weights", told)


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
