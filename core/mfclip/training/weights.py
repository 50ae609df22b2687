"""A module's parameters and buffers as named tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mfclip.errors import TrainingError


def module_tensors(module: nn.Module) -> dict[str, Tensor]:
    """What training changes: parameters and persistent buffers by name, shared ones once.

    Those of frozen modules are not among them.
    """
    held = frozen_tensors(module)
    return {name: tensor for name, tensor in _tensors(module).items() if name not in held}


def frozen_tensors(module: nn.Module) -> dict[str, Tensor]:
    """Parameters and persistent buffers of :func:`frozen_modules`, by name."""
    prefixes = tuple(f"{name}." for name in frozen_modules(module))
    return {n: t for n, t in _tensors(module).items() if prefixes and n.startswith(prefixes)}


def frozen_modules(module: nn.Module) -> dict[str, nn.Module]:
    """The outermost modules inside that have parameters, none of which trains."""
    found: dict[str, nn.Module] = {}
    for name, inner in module.named_modules():
        if name and not name.startswith(tuple(f"{outer}." for outer in found)):
            needs = [parameter.requires_grad for parameter in inner.parameters()]
            if needs and not any(needs):
                found[name] = inner
    return found


def train_unfrozen(module: nn.Module) -> None:
    """Training mode, but for frozen modules: their dropout is off and their statistics rest."""
    module.train()
    for inner in frozen_modules(module).values():
        inner.eval()


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    kept = module.state_dict(keep_vars=True)
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name: tensor for name, tensor in named.items() if name in kept}


@torch.no_grad()
def load_module(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy named tensors into a module that has exactly these names and shapes.

    Raises
    ------
    TrainingError
        Where names or shapes differ.
    """
    own = module_tensors(module)
    wrong = sorted(
        name
        for name in own.keys() | tensors.keys()
        if name not in own or name not in tensors or own[name].shape != tensors[name].shape
    )
    if wrong:
        raise TrainingError(
            f"the checkpoint does not fit the detector: {len(wrong)} tensors differ in name or "
            f"shape, the first is {wrong[0]!r}; use --restart to train afresh"
        )
    for name, tensor in own.items():
        tensor.copy_(tensors[name])


def first_not_finite(module: nn.Module) -> str | None:
    """Name of a parameter or buffer with a NaN or an infinity in it; None where all is well."""
    tensors = {n: t for n, t in module_tensors(module).items() if t.is_floating_point()}
    finite = torch.stack([t.detach().isfinite().all() for t in tensors.values()])
    if bool(finite.all()):
        return None
    return list(tensors)[int(finite.logical_not().nonzero()[0])]


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
