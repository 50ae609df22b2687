"""What each part of a detector costs: parameters, and multiply-accumulates counted as they run.

Convention: one MAC is one multiplication with its addition, half of what PyTorch's flop counter
says. Counted are matrix products, convolutions and attention; elementwise work (activations,
normalisation, patch selection) is not, as is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mfclip.detector.assemble import AnyDetector
from mfclip.detector.model import PluginDetector, VisionLanguageDetector

META = torch.device("meta")


@dataclass(frozen=True, slots=True)
class PartCost:
    """One part's share."""

    path: str
    """Where it sits in the recipe: ``vision``, ``vision.image``, ``text``, ..."""
    parameters: int
    """All of them, trainable or not. A part's figure includes the parts inside it."""
    macs: int
    """Multiply-accumulates of one forward pass; a backward pass takes about twice as many."""
    per: Literal["image", "step"]
    """What the MACs are for: one image, or one training step (text encoder and alignment)."""


def cost(
    detector: AnyDetector, image_size: int, prompts_per_batch: int, batch_size: int
) -> list[PartCost]:
    """The cost of each part, the parts inside the vision encoder listed after it.

    Nothing is computed: shapes alone pass through. A part that looks at values and so cannot
    run without them is run once, on the detector's own device; the count is the same.

    Parameters
    ----------
    image_size
        Side of the input, pixels.
    prompts_per_batch
        Distinct prompts in one training step; the text encoder runs once for each.
    batch_size
        Pairs in one training step, for the alignment.
    """
    if isinstance(detector, PluginDetector):
        images = torch.zeros(1, 3, image_size, image_size)
        return [_part("detector", detector.inner, _macs(detector.inner, images)[""], "image")]
    rows = [*_vision(detector, image_size), *_text(detector, prompts_per_batch)]
    rows += _alignment(detector, batch_size, prompts_per_batch)
    rows += [_linear("head", detector.head)]
    return rows + ([_linear("predictor", detector.predictor)] if detector.predictor else [])


def _vision(detector: VisionLanguageDetector, size: int) -> Iterator[PartCost]:
    macs = _macs(detector.vision, torch.zeros(1, 3, size, size))
    yield _part("vision", detector.vision, macs[""], "image")
    for path in detector.labels:
        name = path.removeprefix("vision.")
        inner = dict(detector.vision.named_modules()).get(name)
        if path.startswith("vision.") and inner is not None:
            yield _part(path, inner, macs.get(name, 0), "image")


def _text(detector: VisionLanguageDetector, prompts: int) -> Iterator[PartCost]:
    if detector.text is not None and detector.tokens is not None:
        rows = torch.arange(prompts, device=detector.tokens.device) % len(detector.tokens)
        macs = _macs(detector.text, detector.tokens[rows])
        yield _part("text", detector.text, macs[""], "step")


def _alignment(detector: VisionLanguageDetector, batch: int, prompts: int) -> Iterator[PartCost]:
    if detector.alignment is not None and detector.tokens is not None:
        visual = torch.ones(batch, detector.width)
        text = torch.ones(batch, detector.text_width)
        rows = torch.arange(batch) % min(prompts, len(detector.tokens))
        macs = _macs(detector.alignment, visual, text, rows)
        yield _part("alignment", detector.alignment, macs[""], "step")


def _part(path: str, module: nn.Module, macs: int, per: Literal["image", "step"]) -> PartCost:
    return PartCost(path, sum(p.numel() for p in module.parameters()), macs, per)


def _linear(path: str, layer: nn.Linear) -> PartCost:
    return _part(path, layer, layer.in_features * layer.out_features, "image")


def _macs(module: nn.Module, *inputs: Tensor) -> dict[str, int]:
    """MACs of one forward pass by the names of the modules inside; ``""`` is all of it."""
    training = module.training
    module.eval()
    try:
        return _count(lambda: _on_meta(module, inputs), module)
    except (NotImplementedError, RuntimeError):  # it reads a value, which a meta tensor lacks
        return _count(lambda: _for_real(module, inputs), module)
    finally:
        module.train(training)


def _count(forward: Callable[[], None], module: nn.Module) -> dict[str, int]:
    counter = FlopCounterMode(display=False)
    # The counter cannot see into fused kernels: with gradients on, the fused transformer layer
    # is not taken, and attention is asked to run as the products that it stands for.
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        forward()
    root = type(module).__name__
    macs = {
        name.removeprefix(root).removeprefix("."): sum(flops.values()) // 2
        for name, flops in counter.get_flop_counts().items()
        if name == root or name.startswith(f"{root}.")
    }
    return {"": counter.get_total_flops() // 2} | {k: v for k, v in macs.items() if k}


def _on_meta(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    state = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shapes = {
        name: value.detach().to(META).requires_grad_(value.requires_grad)
        for name, value in state.items()
    }
    functional_call(module, shapes, tuple(value.to(META) for value in inputs))


def _for_real(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    place = next(iter(module.parameters()), torch.empty(0)).device
    module(*(value.to(place) for value in inputs))
