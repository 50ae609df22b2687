"""A detector's layers made ready to score.

Batch normalisation is folded into the convolution before it, and parametrised weights, such as
those with low-rank adapters, are computed once: less work, the same function. Heads are kept out of
reduced precision.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.nn.utils.parametrize import is_parametrized, type_before_parametrizations

from mfclip.detector.head import CLASSES, Head

PAIRS = ((nn.Conv1d, nn.BatchNorm1d), (nn.Conv2d, nn.BatchNorm2d), (nn.Conv3d, nn.BatchNorm3d))
"""Exact types: a subclass may do more than its base."""

Module = TypeVar("Module", bound=nn.Module)


def fold(module: Module) -> Module:
    """A copy in evaluation mode, each convolution merged with the batch norm that follows it.

    Only direct neighbours in an ``nn.Sequential`` are merged, because only there is the order
    of calls known. Modules that are shared, hooked or subclassed stay as they are: they may do
    more than their type says. Weights with parametrisations (``torch.nn.utils.parametrize``)
    become plain weights of the values they have.
    """
    folded = copy.deepcopy(module).eval()
    uses = Counter(id(m) for _, m in folded.named_modules(remove_duplicate=False))
    for sequence in folded.modules():
        if isinstance(sequence, nn.Sequential) and type(sequence).forward is nn.Sequential.forward:
            _fold_neighbours(sequence, uses)
    for inner in list(folded.modules()):
        _compute_weights(inner)
    return folded


def with_exact_heads(module: nn.Module) -> None:
    """Let every plain layer that gives two logits leave autocast, in place.

    A vision-language detector has such a head by itself; a plugin's whole detector may end in a
    plain ``nn.Linear``. Shared, hooked and subclassed layers stay as they are.
    """
    uses = Counter(id(m) for _, m in module.named_modules(remove_duplicate=False))
    for parent in list(module.modules()):
        for name, layer in parent.named_children():
            if not isinstance(layer, nn.Linear) or layer.out_features != CLASSES:
                continue
            if is_plain(layer, nn.Linear, uses):
                setattr(parent, name, Head.like(layer))


def _fold_neighbours(sequence: nn.Sequential, uses: Counter[int]) -> None:
    for place in range(len(sequence) - 1):
        convolution, norm = sequence[place], sequence[place + 1]
        if _alone(convolution, uses) and _alone(norm, uses) and _match(convolution, norm):
            sequence[place] = fuse_conv_bn_eval(convolution, norm)  # type: ignore[type-var, arg-type]
            sequence[place + 1] = nn.Identity()


def _compute_weights(module: nn.Module) -> None:
    """Put the values in the place of whatever computes them anew in each pass."""
    if not is_parametrized(module):
        return
    values = {name: getattr(module, name) for name in module.parametrizations}  # type: ignore[union-attr]
    # torch's own remove_parametrizations takes the weight from the class, which copies share.
    module.__class__ = type_before_parametrizations(module)
    del module.parametrizations
    for name, value in values.items():
        setattr(module, name, nn.Parameter(value.detach(), requires_grad=value.requires_grad))


def _match(convolution: nn.Module, norm: nn.Module) -> bool:
    """Whether the pair is a convolution and its batch norm with running statistics."""
    matched = (type(convolution), type(norm)) in PAIRS
    return matched and getattr(norm, "running_mean", None) is not None


def is_plain(module: nn.Module, kind: type[nn.Module], uses: Counter[int]) -> bool:
    """Whether the module does what its type says and nothing more, at one place only.

    ``uses``: of each module, by ``id``, in how many places it stands.
    """
    return type(module) is kind and _alone(module, uses)


def _alone(module: nn.Module, uses: Counter[int]) -> bool:
    hooks = module._forward_hooks or module._forward_pre_hooks
    return uses[id(module)] == 1 and not hooks and not hasattr(module, "parametrizations")
