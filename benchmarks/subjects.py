"""What the benchmarks measure: pictures, a detector ready to score, a detector ready to train.

Nothing here needs scikit-image, as the plain ways do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble, losses
from mfclip.detector.model import VisionLanguageDetector
from mfclip.detector.outputs import Targets
from mfclip.plugins.discovery import discover
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.training.objective import Objective, in_float32

LABELS = [HierarchicalLabel("fake", "EFS", "diffusion", "DDPM"), HierarchicalLabel("real")]


def natural_like(count: int, size: int, seed: int = 0) -> Tensor:
    """Smooth shapes with some noise, 8 bits a channel: (count, 3, size, size), 0-1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 7, 7, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")
    noisy = smooth + 0.02 * torch.randn(smooth.shape, generator=generator)
    return (noisy.clamp(0, 1) * 255).round() / 255


def recipe_of(assembly: str, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of an assembly; ``overrides`` as ``--set`` takes them."""
    return read_recipe_text(
        f'recipe = 1\nassembly = "{assembly}"',
        "benchmark",
        overrides=overrides,
        plugins=discover(),
        registry=read_registry(),
    )


def make_detector(
    assembly: str, device: torch.device, overrides: Sequence[str] = ()
) -> tuple[Recipe, VisionLanguageDetector]:
    """Random weights, and batch norms that have seen some images."""
    torch.manual_seed(0)
    recipe = recipe_of(assembly, overrides)
    detector = assemble(recipe, None, text_side=False, pretrained=False)
    assert isinstance(detector, VisionLanguageDetector)
    detector.to(device)
    with torch.no_grad():
        detector.train()(natural_like(4, recipe.preprocessing.size, seed=1).to(device))
    return recipe, detector.eval()


@dataclass
class Setup:
    """A detector of random weights with the objective and one batch of its recipe."""

    recipe: Recipe
    detector: VisionLanguageDetector
    objective: Objective
    images: Tensor
    targets: Targets


def make_setup(
    assembly: str, batch: int, device: torch.device, overrides: Sequence[str] = ()
) -> Setup:
    """Reals and one generator, by turns."""
    recipe = recipe_of(assembly, overrides)
    assert recipe.prompts is not None
    torch.manual_seed(0)
    table = PromptTable.make(LABELS, recipe.prompts.build(recipe.context()))
    detector = assemble(recipe, table, pretrained=False)
    assert isinstance(detector, VisionLanguageDetector)
    prompt = torch.arange(batch, device=device) % 2
    return Setup(
        recipe,
        detector.to(device).train(),
        Objective(losses(recipe)).to(device),
        natural_like(batch, recipe.preprocessing.size).to(device),
        Targets(label=1 - prompt, prompt=prompt),
    )


def our_forward(setup: Setup, device: torch.device, precision: torch.dtype) -> Callable[[], Tensor]:
    """The objective of the batch, as a build computes it."""

    def forward() -> Tensor:
        reduced = precision != torch.float32
        with torch.autocast(device.type, precision, enabled=reduced):
            outputs = setup.detector(setup.images, setup.targets.prompt)
        return setup.objective(in_float32(outputs), setup.targets)[0]

    return forward


def step(forward: Callable[[], Tensor], optimiser: torch.optim.Optimizer) -> Tensor:
    """One step of training."""
    total = forward()
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    optimiser.step()
    return total.detach()
