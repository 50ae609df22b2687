"""Each convolution of a detector by itself: how near to the peak, and how much memory it moves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from on_gpu.flops import counted
from on_gpu.peak import GIGA, TERA
from on_gpu.subject import Subject
from on_gpu.timed import seconds_per_call
from on_gpu.ways import cudnn_benchmark

Row = dict[str, object]


class Seen(NamedTuple):
    """A layer with what reached it in a pass."""

    name: str
    layer: nn.Conv2d
    images: Tensor


def convolutions(subject: Subject) -> Iterator[Row]:
    """One row for each convolution of another shape, with cuDNN's fastest algorithm."""
    batch, peak = subject.plan.bulk, subject.peak
    done: set[tuple[object, ...]] = set()
    for name, layer, images in inputs_of(subject.predictor.module, subject.images(batch)):
        shape = (tuple(layer.weight.shape), layer.stride, tuple(images.shape))
        if shape in done:
            continue
        done.add(shape)
        with torch.inference_mode(), cudnn_benchmark(True):
            seconds = seconds_per_call(lambda: layer(images), subject.plan.seconds)  # noqa: B023
        flops = counted(lambda: layer(images)).total  # noqa: B023
        moved = moved_bytes(layer, images)
        yield {
            "layer": name,
            "input": "x".join(map(str, images.shape)),
            "ms": seconds * 1e3,
            "TFLOP/s": flops / seconds / TERA,
            "share of peak": peak.share(flops, seconds),
            "GB/s": moved / seconds / GIGA,
            "share of a copy's GB/s": moved / seconds / GIGA / peak.copy,
        }


def moved_bytes(layer: nn.Conv2d, images: Tensor) -> int:
    """Least bytes read and written: images, weights and results once each."""
    with torch.inference_mode():
        result = layer(images[:1])
    return int(images.nbytes + layer.weight.nbytes + result.nbytes * len(images))


def inputs_of(module: nn.Module, images: Tensor) -> list[Seen]:
    """What each convolution gets in a pass, in the precision of its weights."""
    seen: list[Seen] = []

    def note(name: str) -> object:
        def hook(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            assert isinstance(layer, nn.Conv2d)
            seen.append(Seen(name, layer, given[0].to(layer.weight.dtype)))

        return hook

    layers = {name: one for name, one in module.named_modules() if isinstance(one, nn.Conv2d)}
    hooks = [one.register_forward_pre_hook(note(name)) for name, one in layers.items()]  # type: ignore[arg-type]
    try:
        with torch.no_grad():
            reduced = next(iter(layers.values())).weight.dtype if layers else torch.float32
            enabled = reduced != torch.float32
            with torch.autocast(images.device.type, reduced, enabled=enabled):
                module(images)
    finally:
        for hook in hooks:
            hook.remove()
    return seen
