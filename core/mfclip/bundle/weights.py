"""Weights as safetensors: no pickle, and a hash that tells when a file is not what was written."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mfclip.errors import BundleError, PluginError
from mfclip.files import sha256


def save_weights(
    path: Path,
    detector: nn.Module,
    *,
    without: Sequence[str] = (),
    from_bases: Collection[str] = (),
) -> str:
    """Write the detector's state and return the file's sha256, in hexadecimal.

    ``without`` names children that are left out, such as those that only training uses;
    ``from_bases`` names tensors that pretrained weights give.

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
        name: value
        for name, value in detector.state_dict().items()
        if not within(name, without) and name not in from_bases
    }
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(_own_memory(state), path)
        path.chmod(mode)  # the library leaves files that only their owner may read
    except SafetensorError as error:  # the library's own name for a failing disk
        raise OSError(str(error)) from error
    return sha256(path)


def load_weights(
    path: Path,
    detector: nn.Module,
    *,
    without: Sequence[str] = (),
    from_bases: Mapping[str, str] | None = None,
) -> None:
    """Fill the detector from a file; every name must be there, and no other.

    What the file has of the children ``without`` is not read; the detector may lack it, or keep it
    as it was drawn. ``from_bases``, the sha256 of tensors by name, are not in the file: the
    detector has them already from pretrained weights.

    Raises
    ------
    BundleError
        Where the file and the detector do not have the same names and shapes, and where the
        detector's tensors are not those of ``from_bases``.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {
                name: file.get_tensor(name)
                for name in file.keys()  # noqa: SIM118  a handle, not a mapping
                if not within(name, without)
            }
    except SafetensorError as error:
        raise BundleError(f"{path} is no safetensors file: {error}") from error
    own = detector.state_dict()
    left_out = {n: found for n, found in (from_bases or {}).items() if not within(n, without)}
    kept = {n: v for n, v in own.items() if within(n, without)}
    kept |= _put_back(left_out, own, state, str(path))
    try:
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


def _put_back(
    from_bases: Mapping[str, str], own: Mapping[str, Tensor], stored: Collection[str], origin: str
) -> dict[str, Tensor]:
    """The tensors that were left out, as the freshly built detector has them.

    Parameters
    ----------
    from_bases
        sha256 of each, by name.
    own
        State of the detector.
    stored
        Names in the bundle's own file.

    Raises
    ------
    BundleError
        Where one is stored as well, is no tensor of the detector, or is another than was left out.
    """
    for name, expected in from_bases.items():
        if name in stored or not isinstance(own.get(name), Tensor):
            where = "is stored as well" if name in stored else "is no tensor of the recipe's parts"
            raise BundleError(
                f"{origin} contradicts itself: {name!r}, which bundle.json leaves to pretrained "
                f"weights, {where}. Do not use it, or build it anew."
            )
        found = digest(own[name])
        if found != expected:
            raise BundleError(
                f"{origin} was written without {name!r}, and what the pretrained weights give here "
                f"is another tensor: its sha256 is {found}, bundle.json says {expected}. Look for "
                "damage with `mfclip weights verify`; another version of torch or of a plugin may "
                "be the cause too. Where the bundle was made, `mfclip bundle whole` makes one that "
                "needs no weights."
            )
    return {name: own[name] for name in from_bases}


def digest(tensor: Tensor) -> str:
    """sha256 of a tensor's type, shape and bytes."""
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    found = hashlib.sha256(f"{tensor.dtype} {list(tensor.shape)}\0".encode())
    found.update(flat.view(torch.uint8).numpy().data)
    return found.hexdigest()


def within(name: str, children: Sequence[str]) -> bool:
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
