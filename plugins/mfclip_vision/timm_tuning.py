"""What of a backbone learns."""

from __future__ import annotations

from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from mfclip.errors import RecipeError

Tune = Literal["all", "layernorm", "none"]
"""Everything, the weights and biases of its norm layers, nothing."""

_OF_TORCH = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)
_OF_TIMM = frozenset(
    f"timm.layers.{name}"
    for name in ("evo_norm", "filter_response_norm", "grn", "norm", "norm_act")
)
"""Files of timm's that hold norm layers which are built on none of torch's."""


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a norm layer of any type."""
    return isinstance(module, _OF_TORCH) or type(module).__module__ in _OF_TIMM


def let_learn(backbone: nn.Module, tune: Tune, model: str) -> None:
    """Switch gradients off for what stays as it is.

    Raises
    ------
    RecipeError
        Where the norm layers are to learn and have nothing that could.
    """
    backbone.requires_grad_(tune == "all")
    if tune != "layernorm":
        return
    norms = [module for module in backbone.modules() if is_norm(module)]
    own = [parameter for module in norms for parameter in module.parameters(recurse=False)]
    if not own:
        raise RecipeError(
            f'timm\'s {model} has no norm layers with weights, and tune = "layernorm" would train '
            'none of it; choose tune "all" or "none"'
        )
    for parameter in own:
        parameter.requires_grad_()
