"""One assembly on one device: what every section measures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from subjects import make_detector, natural_like
from torch import Tensor

from mfclip.data.preprocess import Preprocessor
from mfclip.inference.predict import Predictor
from mfclip.recipe.model import Recipe
from on_gpu.flops import Flops, counted
from on_gpu.peak import Peak

DISTINCT = 64
"""Different images of a batch; a larger batch repeats them."""


@dataclass(frozen=True)
class Plan:
    """What is measured, and for how long."""

    device: torch.device
    precision: torch.dtype
    batches: tuple[int, ...]
    """Of scoring, ascending."""
    bulk: int
    """The one batch of whatever is measured at one batch alone."""
    steps: tuple[int, ...]
    """Batches of training, ascending."""
    seconds: float
    """Of one row."""
    overrides: Mapping[str, tuple[str, ...]]
    """Settings of each assembly's recipe, as ``--set`` takes them; none: as it is."""


@dataclass
class Subject:
    """An assembly made ready to score, of random weights."""

    assembly: str
    plan: Plan
    peak: Peak
    _images: dict[int, Tensor] = field(default_factory=dict)

    @property
    def overrides(self) -> tuple[str, ...]:
        """Of the plan, for this assembly."""
        return self.plan.overrides.get(self.assembly, ())

    @cached_property
    def recipe(self) -> Recipe:
        """Of the assembly, with the plan's settings."""
        return self._made[0]

    @cached_property
    def predictor(self) -> Predictor:
        """As ``mfclip score`` makes it."""
        return self._made[1]

    @cached_property
    def _made(self) -> tuple[Recipe, Predictor]:
        plan = self.plan
        recipe, detector = make_detector(self.assembly, plan.device, self.overrides)
        preprocessor = Preprocessor(recipe.preprocessing)
        made = Predictor(detector, preprocessor, device=plan.device, precision=plan.precision)
        return recipe, made

    @cached_property
    def flops(self) -> Flops:
        """Of scoring one image."""
        images, precision = self.images(2), self.plan.precision
        reduced = torch.autocast(images.device.type, precision, enabled=precision != torch.float32)
        with reduced:
            of_two = counted(lambda: self.predictor.module(images))
        return Flops(of_two.convolutions // 2, of_two.products // 2)

    @cached_property
    def expected(self) -> Tensor:
        """Log-odds of the distinct images as the shipped way gives them."""
        return self.predictor.log_odds(self.images(DISTINCT))

    def images(self, batch: int) -> Tensor:
        """A batch on the device, as the detector gets it: floats 0-1, channels last."""
        if DISTINCT not in self._images:
            size = self.recipe.preprocessing.size
            made = natural_like(DISTINCT, size).to(self.plan.device)
            self._images[DISTINCT] = made.contiguous(memory_format=torch.channels_last)
        place = torch.arange(batch, device=self.plan.device) % DISTINCT
        return self._images[DISTINCT][place].contiguous(memory_format=torch.channels_last)

    def decoded(self, batch: int) -> Sequence[Tensor]:
        """The same as decoders give them: bytes (3, H, W), each by itself, on the device."""
        return list((self.images(batch) * 255).round().to(torch.uint8).unbind(0))

    def off(self, log_odds: Tensor) -> float:
        """Largest difference from the shipped way's log-odds, over the distinct images."""
        first = log_odds[:DISTINCT].double().cpu()
        return float((first - self.expected[: len(first)].double().cpu()).abs().max())
