"""Cosine similarities of a batch of pairs, at a learnable temperature."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LARGEST_SCALE = 100.0
"""1/τ never exceeds this, as in CLIP: τ stays at or above 0.01."""


class Similarity(NamedTuple):
    """The two similarity matrices of B pairs, both of shape (B, B)."""

    v2l: Tensor
    """Row i: image i against every text."""
    l2v: Tensor
    """Row i: text i against every image."""
    normalised: bool = False
    """False: logits, to be softmaxed by row. True: log-weights, to be read as they are."""


class Temperature(nn.Module):
    """The learnable τ of Eq. 9-10, kept as log(1/τ) so that it stays positive.

    1/τ is cut at :data:`LARGEST_SCALE`. A parameter pushed beyond the limit still receives the
    gradients that bring it back, and no others, so it neither sticks there nor drifts away.
    """

    log_scale: nn.Parameter

    def __init__(self, start: float = 0.07) -> None:
        super().__init__()
        if not 1 / LARGEST_SCALE <= start <= LARGEST_SCALE:
            raise ValueError(
                f"temperature is {start}; it must lie between {1 / LARGEST_SCALE} and "
                f"{LARGEST_SCALE}. The paper starts at 0.07."
            )
        add_number(self, "log_scale", -math.log(start))

    def forward(self) -> Tensor:
        """1/τ, a scalar of at least float32 precision."""
        log_scale: Tensor = _CutAbove.apply(at_least_float32(self.log_scale))
        return log_scale.exp().squeeze(0)


class _CutAbove(torch.autograd.Function):
    """min(x, log(LARGEST_SCALE)), whose gradient at the limit passes only if it lowers x."""

    @staticmethod
    def forward(log_scale: Tensor) -> Tensor:
        return log_scale.clamp(max=math.log(LARGEST_SCALE))

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        log_scale: Tensor = ctx.saved_tensors[0]
        gradient = gradients[0]
        # Descent lowers x where the gradient is positive.
        passes = (log_scale < math.log(LARGEST_SCALE)) | (gradient > 0)
        return gradient * passes


def unit_pairs(visual: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Both (B, d), at unit length and in float32 at least.

    Raises:
        ValueError: the two are not matrices of one shape.
    """
    if visual.ndim != 2 or visual.shape != text.shape:
        raise ValueError(
            "visual and text must both have shape (batch, width), one row a pair; received "
            f"{tuple(visual.shape)} and {tuple(text.shape)}"
        )
    visual = F.normalize(at_least_float32(visual), dim=-1)
    return visual, F.normalize(at_least_float32(text), dim=-1)


def at_least_float32(tensor: Tensor) -> Tensor:
    """Half precision as float32. At 1/τ = 100, bfloat16 logits would be off by up to 0.25."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Switch autocast off where the device has it; the meta device does not."""
    if torch.amp.is_autocast_available(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def add_number(module: nn.Module, name: str, value: float) -> None:
    """Give a module one learnable number, of shape (1,), because FSDP takes no scalars.

    Weights that hold it as a scalar, as those of version 0.1 do, load too.
    """
    module.register_parameter(name, nn.Parameter(torch.tensor([value])))
    hook = partial(_as_vector, name)
    module.register_load_state_dict_pre_hook(hook)  # type: ignore[no-untyped-call]


def _as_vector(
    name: str, module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object
) -> None:
    if prefix + name in state:
        state[prefix + name] = state[prefix + name].reshape(1)
