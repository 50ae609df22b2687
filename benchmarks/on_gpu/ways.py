"""Ways to run one scoring pass: as shipped, and what may bring it up on a GPU.

Each way is a function of nothing that gives the log-odds of a fixed batch.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mfclip.inference.predict import Predictor

SHIPPED = "as shipped"
TUNED = "cudnn.benchmark"
FUSED = "cudnn.benchmark, ReLU in the convolutions"
GRAPH = "cudnn.benchmark, CUDA graph"
BOTH = "ReLU in the convolutions, CUDA graph"
COMPILED = "torch.compile"
COMPILED_GRAPH = "torch.compile, CUDA graph"

Way = Callable[[], Tensor]
Operation = Callable[[Tensor, nn.Conv2d], Tensor]


def plain_ways(predictor: Predictor, images: Tensor) -> dict[str, Callable[[], Way]]:
    """What makes each way that needs no compiler, by its name; on a CPU there is one."""
    ways: dict[str, Callable[[], Way]] = {SHIPPED: lambda: scoring(predictor, images)}
    if images.device.type != "cuda":
        return ways
    return ways | {
        TUNED: lambda: scoring(predictor, images, tuned=True),
        FUSED: lambda: scoring(fused(predictor), images, tuned=True),
        GRAPH: lambda: captured(scoring(predictor, images, tuned=True)),
        BOTH: lambda: captured(scoring(fused(predictor), images, tuned=True)),
    }


def compiled_ways(predictor: Predictor, images: Tensor) -> dict[str, Callable[[], Way]]:
    """The same of those that compile."""
    modes: Mapping[str, str] = {COMPILED: "default"}
    if images.device.type == "cuda":
        modes = {**modes, COMPILED_GRAPH: "reduce-overhead"}
    return {
        name: lambda mode=mode: scoring(compiled(predictor, mode), images, tuned=True)
        for name, mode in modes.items()
    }


def scoring(predictor: Predictor, images: Tensor, *, tuned: bool = False) -> Way:
    """Images that lie on the device, ready for the detector, to log-odds that stay there."""

    def run() -> Tensor:
        with cudnn_benchmark(tuned):
            return predictor.log_odds(images)

    return run


@contextmanager
def cudnn_benchmark(on: bool) -> Iterator[None]:
    """Whether cuDNN tries its algorithms for each new shape and takes the fastest."""
    former = torch.backends.cudnn.benchmark
    torch.backends.cudnn.benchmark = on
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = former


def with_module(predictor: Predictor, module: nn.Module) -> Predictor:
    """The same predictor around another module."""
    other = copy.copy(predictor)
    other.module = module  # type: ignore[assignment]
    return other


def compiled(predictor: Predictor, mode: str) -> Predictor:
    """Compiled by Inductor, for one shape."""
    torch.compiler.reset()
    return with_module(predictor, torch.compile(predictor.module, mode=mode, dynamic=False))  # type: ignore[arg-type]


def captured(way: Way, warm_up: int = 3) -> Way:
    """The way's kernels as one CUDA graph, launched at once; its input and output stay in place.

    The warm-up runs on a side stream, as capture asks.
    """
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(warm_up):
            way()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        result = way()

    def replay() -> Tensor:
        graph.replay()
        return result

    return replay


def cudnn_convolution_relu(images: Tensor, layer: nn.Conv2d) -> Tensor:
    """The operation of cuDNN that adds the bias and applies the ReLU before it writes."""
    weight, bias = layer.weight, layer.bias
    reduced = images.to(weight.dtype)
    found: Tensor = torch.cudnn_convolution_relu(
        reduced, weight, bias, layer.stride, layer.padding, layer.dilation, layer.groups
    )
    return found


class ConvolutionRelu(nn.Module):
    """A convolution and the ReLU behind it as one operation."""

    def __init__(self, layer: nn.Conv2d, operation: Operation) -> None:
        super().__init__()
        self.layer, self.operation = layer, operation

    def forward(self, images: Tensor) -> Tensor:
        """Convolve, add the bias, cut at zero."""
        return self.operation(images, self.layer)


def fused(predictor: Predictor, operation: Operation = cudnn_convolution_relu) -> Predictor:
    """Each convolution with a bias and the ReLU that follows it in a sequence, as one operation."""
    module = copy.deepcopy(predictor.module)
    for inner in list(module.modules()):
        if isinstance(inner, nn.Sequential):
            _fuse(inner, operation)
    return with_module(predictor, module)


def _fuse(sequence: nn.Sequential, operation: Operation) -> None:
    """In place. Where batch norm was folded, an Identity lies between the two."""
    working = [n for n, layer in enumerate(sequence) if not isinstance(layer, nn.Identity)]
    for first, second in itertools.pairwise(working):
        layer, activation = sequence[first], sequence[second]
        zeros = isinstance(layer, nn.Conv2d) and layer.padding_mode == "zeros"
        if zeros and layer.bias is not None and isinstance(activation, nn.ReLU):
            sequence[first] = ConvolutionRelu(layer, operation)  # type: ignore[arg-type]
            sequence[second] = nn.Identity()
