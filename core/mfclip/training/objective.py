"""The objective: the weighted sum of the loss terms (L = L_kl + L_cmc + L_ce, III-E)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mfclip.detector.outputs import Outputs, Targets
from mfclip.errors import PluginError, UsageError
from mfclip.training.records import TOTAL

if TYPE_CHECKING:
    from mfclip.detector.assemble import LossTerm


class Objective(nn.Module):
    """Sum of weight × term. Holds the terms' modules, so that their parameters train too."""

    def __init__(self, terms: Sequence[LossTerm]) -> None:
        super().__init__()
        if not any(term.weight > 0 for term in terms):
            raise UsageError("nothing to minimise: no loss term with a weight above 0 was given")
        self.names = tuple(term.name for term in terms)
        self.weights = tuple(term.weight for term in terms)
        self.reads = frozenset[str]().union(*(term.reads for term in terms))
        self.terms = nn.ModuleList(term.module for term in terms)
        self.labels = {
            f"terms.{place}": term.label or f"loss {term.name!r}"
            for place, term in enumerate(terms)
        }

    def parts(self) -> dict[str, nn.Module]:
        """The terms' modules, by the names of :attr:`labels`."""
        return dict(zip(self.labels, self.terms, strict=True))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the values that :meth:`forward` gives: every term, then ``total``."""
        return (*self.names, TOTAL)

    def forward(
        self, outputs: Outputs, targets: Targets
    ) -> tuple[Float[Tensor, ""], Float[Tensor, " terms"]]:
        """The sum to minimise, and the detached values of :attr:`columns`.

        Raises
        ------
        PluginError
            Where a term gives anything but a scalar.
        """
        values = [
            _scalar(label, module(outputs, targets))
            for label, module in zip(self.labels.values(), self.terms, strict=True)
        ]
        # A term of weight 0 is only logged: 0 × NaN would still be NaN.
        weighted = [w * value for w, value in zip(self.weights, values, strict=True) if w > 0]
        total = torch.stack(weighted).sum()
        return total, torch.stack([*values, total]).detach()


def in_float32(outputs: Outputs) -> Outputs:
    """The outputs with their tensors in float32: losses are not computed in bfloat16.

    The similarity is left as its alignment made it.
    """
    return replace(
        outputs,
        logits=outputs.logits.float(),
        visual=_float32(outputs.visual),
        text=_float32(outputs.text),
        predicted_text=_float32(outputs.predicted_text),
        extra={name: _extra(value) for name, value in outputs.extra.items()},
    )


def _float32(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.float()


def _extra(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor


def _scalar(label: str, value: object) -> Tensor:
    if isinstance(value, Tensor) and value.ndim == 0:
        return value.float()
    got = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
    raise PluginError(f"{label} must give a scalar tensor; received {got}")
