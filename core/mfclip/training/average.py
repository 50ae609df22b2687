"""An exponential moving average of a detector's weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mfclip.training.weights import module_tensors


class Average:
    """Follows a module's weights: after each step, average = d · average + (1 − d) · weights.

    Buffers, such as the statistics of batch normalisation, are taken as they are. With a decay of
    0 there is no average, and the weights themselves are used.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.module, self.decay = module, decay
        self.tensors = (
            {name: value.detach().clone() for name, value in module_tensors(module).items()}
            if decay
            else {}
        )

    @torch.no_grad()
    def update(self) -> None:
        """Follow the weights after a step."""
        for name, value in module_tensors(self.module).items() if self.decay else ():
            if isinstance(value, nn.Parameter) and value.is_floating_point():
                self.tensors[name].lerp_(value, 1 - self.decay)
            else:
                self.tensors[name].copy_(value)

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Put back what :attr:`tensors` were."""
        for name, value in self.tensors.items():
            value.copy_(tensors[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """While in here, the module has the averaged weights."""
        own = module_tensors(self.module) if self.decay else {}
        kept = {name: value.detach().clone() for name, value in own.items()}
        try:
            _copy(own, self.tensors)
            yield
        finally:
            _copy(own, kept)


@torch.no_grad()
def _copy(own: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    for name, tensor in own.items():
        tensor.copy_(values[name])
