"""Heat maps: which pixels speak for fake and which for real, by captum.

Every map is of the log-odds of fake, so it has a sign: above zero speaks for fake.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from mfclip.detector.outputs import FAKE, REAL, Outputs
from mfclip.errors import MissingExtraError, UsageError
from mfclip.explain.layers import last_map

Method = Literal["occlusion", "integrated-gradients", "grad-cam"]
Baseline = Literal["mean", "blur", "black"]
METHODS: tuple[Method, ...] = get_args(Method)


@dataclass(frozen=True)
class HeatMap:
    """What one method says of one image."""

    values: Float[NDArray[Any], "height width"]
    """Above zero: speaks for fake. Log-odds that covering the pixel's surroundings takes away
    (occlusion), log-odds a pixel (integrated gradients), no unit (Grad-CAM)."""
    error: float | None = None
    """Integrated gradients: by how many log-odds the sum over pixels misses the difference
    between the image's log-odds and the baseline's. None for methods that promise no sum."""


@dataclass(frozen=True)
class MapSettings:
    """How maps are made."""

    baseline: Baseline = "mean"
    """What is put in place of pixels: the image's mean colour, the image blurred, or black."""
    window: int | None = None
    """Occlusion: side of the square that is covered, pixels. None: a fifth of the image."""
    steps: int = 64
    """Integrated gradients: points on the way from the baseline."""
    passes: int = 24
    """Images in one forward pass."""


def heat_maps(
    module: nn.Module,
    images: Float[Tensor, "batch 3 size size"],
    method: Method,
    settings: MapSettings | None = None,
) -> list[HeatMap]:
    """One map an image, each at the image's size.

    ``occlusion`` covers a square, slides it by half its side, and notes how the log-odds fall. It
    asks nothing of a detector and sees what gradients cannot: that a detector then reads another
    patch. ``integrated-gradients`` (Sundararajan et al. 2017) sums gradients on a straight way
    from the baseline; it is exact only where the detector has no jumps. ``grad-cam`` (Selvaraju
    et al. 2017) weighs the last convolutional map by its gradients; its final ReLU is left out, so
    that evidence for real shows as well.

    Args:
        module: A detector in evaluation mode, in float32.
        images: Preprocessed, on the detector's device.
        settings: By default :class:`MapSettings`.

    Raises:
        UsageError: Grad-CAM of a detector that has no convolutional map, or a window that does
            not fit into the image.
        MissingExtraError: captum is not installed.
    """
    settings = settings or MapSettings()
    make = {"occlusion": _occluded, "integrated-gradients": _integrated, "grad-cam": _weighed}
    # One by one, so that memory holds `passes` images, however many are asked for.
    return [make[method](module, image[None], settings) for image in images]


def require_captum() -> None:
    """Raise :class:`MissingExtraError` where captum is not installed."""
    from importlib.util import find_spec

    if find_spec("captum") is None:
        raise MissingExtraError("a heat map", "explain")


def log_odds_of(
    module: nn.Module,
) -> Callable[[Float[Tensor, "batch 3 size size"]], Float[Tensor, " batch"]]:
    """Images -> log-odds of fake, with gradients."""

    def log_odds(images: Tensor) -> Tensor:
        outputs: Outputs = module(images)
        logits = outputs.logits.float()
        return logits[:, FAKE] - logits[:, REAL]

    return log_odds


def baseline_of(
    images: Float[Tensor, "batch 3 size size"], kind: Baseline
) -> Float[Tensor, "batch 3 size size"]:
    """What stands for "nothing to see here"."""
    if kind == "black":
        return torch.zeros_like(images)
    if kind == "mean":
        return images.mean(dim=(2, 3), keepdim=True).expand_as(images).contiguous()
    side = max(3, images.shape[-1] // 8 | 1)
    for _ in range(2):  # a triangle's weights: no edges of a box
        padded = functional.pad(images, (side // 2,) * 4, mode="reflect")
        images = functional.avg_pool2d(padded, side, stride=1)
    return images


def _occluded(module: nn.Module, image: Tensor, settings: MapSettings) -> HeatMap:
    captum = _captum()
    size = image.shape[-1]
    side = settings.window or max(2, size // 5)
    if not 1 <= side <= size:
        raise UsageError(f"a window of {side} pixels does not fit into images of {size} pixels")
    with torch.no_grad():
        found = captum.Occlusion(log_odds_of(module)).attribute(
            image,
            sliding_window_shapes=(3, side, side),
            strides=(3, max(1, side // 2), max(1, side // 2)),
            baselines=baseline_of(image, settings.baseline),
            perturbations_per_eval=settings.passes,
        )
    return HeatMap(_array(found[0, 0]))  # the window covers all channels: they are alike


def _integrated(module: nn.Module, image: Tensor, settings: MapSettings) -> HeatMap:
    captum = _captum()
    found, error = captum.IntegratedGradients(log_odds_of(module)).attribute(
        image,
        baselines=baseline_of(image, settings.baseline),
        n_steps=settings.steps,
        internal_batch_size=settings.passes,
        return_convergence_delta=True,
    )
    return HeatMap(_array(found[0].sum(0)), float(error))


def _weighed(module: nn.Module, image: Tensor, settings: MapSettings) -> HeatMap:
    captum = _captum()
    layer = last_map(module, image)
    found = captum.LayerGradCam(log_odds_of(module), layer).attribute(image)
    grown = functional.interpolate(found.float(), image.shape[-2:], mode="bilinear")
    return HeatMap(_array(grown[0, 0]))


def _array(values: Tensor) -> NDArray[Any]:
    array: NDArray[Any] = values.detach().float().cpu().numpy()
    return array


def _captum() -> Any:
    require_captum()
    from captum import attr

    return attr
