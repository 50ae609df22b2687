"""What each part of a detector costs: parameters, and multiply-accumulates counted as they run.

Convention: one MAC is one multiplication with its addition, half of what PyTorch's flop counter
says. Counted are matrix products, convolutions and attention; elementwise work (activations,
normalisation, patch selection) is not, as is usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mfclip.detector.base import DetectorModule, Pass

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
    detector: DetectorModule,
    image_size: int,
    prompts_per_batch: int,
    batch_size: int,
    beside: Mapping[str, Tensor] | None = None,
    *,
    frames: int | None = None,
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
    beside
        What the detector reads beside one image, by name.
    frames
        Of a clip, where the detector reads clips; a sample is one clip then.
    """
    rows: list[PartCost] = []
    clip = () if frames is None else (frames,)
    sample = torch.zeros(1, *clip, 3, image_size, image_size)
    for one in detector.passes(sample, prompts_per_batch, batch_size, beside or {}):
        macs = _macs(one)
        rows.append(_part(one.path, one.module, macs[""], one.per))
        rows += _inside(detector, one, macs)
    return rows


def outermost(costs: Sequence[PartCost]) -> list[PartCost]:
    """The parts that are in no other one of these, whose figures add up to the whole."""
    paths = {part.path for part in costs}
    return [part for part in costs if not any(part.path.startswith(f"{path}.") for path in paths)]


def _inside(detector: DetectorModule, one: Pass, macs: Mapping[str, int]) -> Iterator[PartCost]:
    """The parts within a part."""
    for path, module in detector.parts().items():
        if path.startswith(f"{one.path}."):
            name = path.removeprefix(f"{one.path}.")
            yield _part(path, module, macs.get(name, 0), one.per)


def _part(path: str, module: nn.Module, macs: int, per: Literal["image", "step"]) -> PartCost:
    return PartCost(path, sum(p.numel() for p in module.parameters()), macs, per)


def _macs(one: Pass) -> dict[str, int]:
    """MACs of one forward pass by the names of the modules inside; ``""`` is all of it."""
    module = one.module
    training = module.training
    module.eval()
    try:
        return _count(lambda: _on_meta(one), module)
    except (NotImplementedError, RuntimeError):  # it reads a value, which a meta tensor lacks
        return _count(lambda: _for_real(one), module)
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


def _on_meta(one: Pass) -> None:
    state = {**dict(one.module.named_parameters()), **dict(one.module.named_buffers())}
    shapes = {
        name: value.detach().to(META).requires_grad_(value.requires_grad)
        for name, value in state.items()
    }
    inputs, reads = _moved(one, META)
    functional_call(one.module, shapes, inputs, reads)


def _for_real(one: Pass) -> None:
    place = next(iter(one.module.parameters()), torch.empty(0)).device
    inputs, reads = _moved(one, place)
    one.module(*inputs, **reads)


def _moved(one: Pass, device: torch.device) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """The arguments of a pass on a device."""
    inputs = tuple(value.to(device) for value in one.inputs)
    return inputs, {name: value.to(device) for name, value in one.reads.items()}
