"""Weights as safetensors: no pickle, and a hash that tells when a file is not what was written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from mfclip.errors import BundleError, PluginError
from mfclip.files import sha256


def save_weights(path: Path, detector: nn.Module, *, without: Sequence[str] = ()) -> str:
    """Write the detector's state and return the file's sha256, in hexadecimal.

    ``without`` names children that are left out, such as those that only training uses.

    Raises
    ------
    OSError
        Where the disk is full or cannot be written.
    PluginError
        Where a part keeps something else than tensors in its state.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    state = {
        name: value for name, value in detector.state_dict().items() if not _within(name, without)
    }
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(_own_memory(state), path)
        path.chmod(mode)  # the library leaves files that only their owner may read
    except SafetensorError as error:  # the library's own name for a failing disk
        raise OSError(str(error)) from error
    return sha256(path)


def load_weights(path: Path, detector: nn.Module, *, without: Sequence[str] = ()) -> None:
    """Fill the detector from a file; every name must be there, and no other.

    What the file has of the children ``without`` is not read; the detector may lack it, or keep it
    as it was drawn.

    Raises
    ------
    BundleError
        Where the file and the detector do not have the same names and shapes.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118  a handle, not a mapping
                if not _within(name, without)
            }
    except SafetensorError as error:
        raise BundleError(f"{path} is no safetensors file: {error}") from error
    try:
        kept = {n: v for n, v in detector.state_dict().items() if _within(n, without)}
        detector.load_state_dict({**kept, **state})
    except RuntimeError as error:
        raise BundleError(f"{path} does not fit the recipe beside it: {error}") from error


def sizes(path: Path) -> tuple[int, ...]:
    """How many numbers each tensor of a file has; read from its header alone.

    Raises
    ------
    BundleError
        Where it is no safetensors file.
    """
    from math import prod

    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return tuple(prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    except SafetensorError as error:
        raise BundleError(f"{path} is no safetensors file: {error}") from error


def _within(name: str, children: Sequence[str]) -> bool:
    """Whether a tensor of that name belongs to one of the children."""
    return any(name.startswith(f"{child}.") for child in children)


def _own_memory(state: dict[str, object]) -> dict[str, Tensor]:
    """Contiguous tensors that share no memory, as the format demands.

    Tied weights are written once for each name, so they load under every name.
    """
    seen: set[int] = set()
    owned = {}
    for name, value in state.items():
        if not isinstance(value, Tensor):
            raise PluginError(
                f"the state of {name!r} is a {type(value).__name__}; "
                "a bundle holds tensors only, because anything else would have to be pickled"
            )
        tensor = value.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.data_ptr() in seen or storage.nbytes() > tensor.nbytes:
            tensor = tensor.clone()
        seen.add(storage.data_ptr())
        owned[name] = tensor
    return owned
