"""A folded detector made fast on a CPU: the same layers, computed another way.

Every plain convolution takes the ReLU behind it along, its weights brought into the processor's own
order once; wide ones in float32 multiply less (:mod:`mfclip.compute.winograd`). Max pooling of 2x2
pixels compares neighbours instead of walking windows. Linear layers in bfloat16 keep their weights
in order too. None of them has gradients: where they are asked for, the plain layer runs.
"""

from __future__ import annotations

import copy
from collections import Counter
from itertools import chain
from typing import Protocol, TypeVar, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from mfclip.compute import onednn, winograd
from mfclip.inference.fold import is_plain

WIDE = 64 * 128
"""Fewest filters, inputs times outputs, that Winograd's transforms are worth."""
FEW_TILES = 32
"""With fewer tiles the transformed weights cost more to read than they save."""

Module = TypeVar("Module", bound=nn.Module)


class FusedConvolution(nn.Conv2d):
    """A convolution, and the ReLU behind it where there is one, without gradients."""

    relu: bool
    _packed: onednn.Packed | None
    _transformed: Tensor | None

    @classmethod
    def of(cls, layer: nn.Conv2d, *, relu: bool) -> FusedConvolution:
        """It shares the layer's parameters."""
        fused = cls.__new__(cls)
        fused.__dict__ = {**layer.__dict__}
        fused.relu, fused._packed, fused._transformed = relu, None, None
        return fused

    def forward(
        self, images: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs h w"]:
        """In the dtype of the weights, channels last."""
        if torch.is_grad_enabled():
            found = super().forward(images)
            return functional.relu(found) if self.relu else found
        given = images.to(self.weight.dtype, memory_format=torch.channels_last)
        if self._multiplies_less(given):
            return self._by_winograd(given)
        if self._packed is None:
            self._packed = onednn.packed_filters(self, given)
        return onednn.convolve(given, self._packed, self, relu=self.relu)

    def _multiplies_less(self, images: Float[Tensor, "batch inputs height width"]) -> bool:
        form = (self.kernel_size, self.stride, self.padding, self.dilation, self.groups)
        if form != ((3, 3), (1, 1), (1, 1), (1, 1), 1) or self.weight.dtype != torch.float32:
            return False
        batch, _, height, width = images.shape
        tiles = batch * -(-height // winograd.STEP) * -(-width // winograd.STEP)
        return self.in_channels * self.out_channels >= WIDE and tiles >= FEW_TILES

    def _by_winograd(
        self, images: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        if self._transformed is None:
            self._transformed = winograd.transformed_filters(self.weight.detach())
        return winograd.convolve(images, self._transformed, self.bias, relu=self.relu)


class FusedLinear(nn.Linear):
    """A linear layer in bfloat16, without gradients."""

    _packed: onednn.Packed | None

    @classmethod
    def of(cls, layer: nn.Linear) -> FusedLinear:
        """It shares the layer's parameters."""
        fused = cls.__new__(cls)
        fused.__dict__ = {**layer.__dict__}
        fused._packed = None
        return fused

    def forward(self, rows: Float[Tensor, "*rows inputs"]) -> Float[Tensor, "*rows outputs"]:
        """In bfloat16."""
        if torch.is_grad_enabled():
            return super().forward(rows)
        given = rows.to(self.weight.dtype)
        if self._packed is None:
            self._packed = onednn.packed_matrix(self, given[..., 0].numel())
        return onednn.multiply(given, self._packed, self)


class NeighbourMaxPool(nn.MaxPool2d):
    """The largest of each 2x2 pixels of what a ReLU gave: none is below zero."""

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels h w"]:
        """Exactly what the plain pooling gives."""
        batch, channels, height, width = images.shape
        pixels = images.permute(0, 2, 3, 1)
        if torch.is_grad_enabled() or height % 2 or width % 2 or not pixels.is_contiguous():
            largest: Tensor = super().forward(images)
            return largest
        if images.dtype == torch.bfloat16:
            # Floats that are not negative are ordered as their bits are, which compare faster.
            pixels = pixels.view(torch.int16)
        pairs = pixels.view(batch, height // 2, 2, width // 2, 2 * channels)
        rows = torch.maximum(pairs[:, :, 0], pairs[:, :, 1])
        found = torch.maximum(rows[..., :channels], rows[..., channels:])
        largest = found.view(images.dtype).permute(0, 3, 1, 2)
        return largest


@runtime_checkable
class MadeForScoring(Protocol):
    """A module that has another form of itself for scoring."""

    def made_for_scoring(self, dtype: torch.dtype) -> None:
        """Take that form, in place: the same function, without gradients or training mode.

        It is called on a copy that shares its tensors with the original, so those stay as they
        are. Plain linear and convolutional layers that it makes hold weights of ``dtype``.
        """


def fuse(module: Module, dtype: torch.dtype) -> Module:
    """The same function for a CPU, sharing the weights; ``module`` stays as it is.

    Modules that are shared, hooked or subclassed stay as they are, unless they are
    :class:`MadeForScoring`. Give a module as :func:`mfclip.inference.fold.fold` makes it, its
    weights already in ``dtype``.
    """
    tensors = chain(module.parameters(), module.buffers())
    fused = copy.deepcopy(module, {id(tensor): tensor for tensor in tensors})
    for one in list(fused.modules()):
        if isinstance(one, MadeForScoring):
            one.made_for_scoring(dtype)
    uses = Counter(id(one) for _, one in fused.named_modules(remove_duplicate=False))
    for parent in list(fused.modules()):
        in_order = type(parent).forward is nn.Sequential.forward
        behind = _followers(parent) if in_order else {}
        for name, layer in list(parent.named_children()):
            if isinstance(layer, nn.Conv2d) and _fusible(layer, uses):
                _fuse_convolution(parent, name, _rectified(parent, behind.get(name, []), uses))
            elif isinstance(layer, nn.Linear) and _packable(layer, uses):
                setattr(parent, name, FusedLinear.of(layer))
    return fused


def _fuse_convolution(parent: nn.Module, name: str, behind: list[str]) -> None:
    """``behind``: names of its ReLU and of the pooling after that, as far as there are such."""
    setattr(parent, name, FusedConvolution.of(getattr(parent, name), relu=bool(behind)))
    for follower, taken in zip(behind, (nn.Identity(), NeighbourMaxPool(2)), strict=False):
        setattr(parent, follower, taken)


def _fusible(layer: nn.Conv2d, uses: Counter[int]) -> bool:
    bordered = layer.padding_mode == "zeros" and isinstance(layer.padding, tuple)
    return bordered and is_plain(layer, nn.Conv2d, uses)


def _packable(layer: nn.Linear, uses: Counter[int]) -> bool:
    return layer.weight.dtype == torch.bfloat16 and is_plain(layer, nn.Linear, uses)


def _followers(sequence: nn.Module) -> dict[str, list[str]]:
    """The two layers behind each, by name; those that do nothing are passed by."""
    names = [name for name, layer in sequence._modules.items() if type(layer) is not nn.Identity]
    return {name: names[place : place + 2] for place, name in enumerate(names, 1)}


def _rectified(parent: nn.Module, followers: list[str], uses: Counter[int]) -> list[str]:
    """Of a convolution's followers its ReLU, and the 2x2 pooling where that comes next."""
    layers = [getattr(parent, name) for name in followers]
    if not layers or not is_plain(layers[0], nn.ReLU, uses):
        return []
    pools = len(layers) == 2 and _takes_pairs(layers[1]) and is_plain(layers[1], nn.MaxPool2d, uses)
    return followers if pools else followers[:1]


def _takes_pairs(pool: nn.Module) -> bool:
    """Whether it takes the largest of 2x2 pixels, and nothing else."""
    if not isinstance(pool, nn.MaxPool2d):
        return False
    given = (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
    wanted = (2, 2, 0, 1)
    alike = all(one in (value, (value, value)) for one, value in zip(given, wanted, strict=True))
    return alike and not pool.return_indices
