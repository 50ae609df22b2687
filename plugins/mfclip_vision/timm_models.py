"""Models of the timm library: their names, sizes and weights. Nothing is ever downloaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import PretrainedCfg, get_pretrained_cfg, is_model
from torch import Tensor, nn

from mfclip.errors import RecipeError
from mfclip.text import did_you_mean
from mfclip.weights.files import mismatch

_REFUSALS = (AssertionError, RuntimeError, TypeError, ValueError)
"""What timm's models raise for options and images that they do not take."""


def known(model: str) -> PretrainedCfg:
    """What timm knows of a model: its own size of image, mean and standard deviation.

    Raises
    ------
    RecipeError
        Where timm has no such model, or the model no weights of that tag.
    """
    architecture, _, tag = model.partition(".")
    if not is_model(architecture):
        near = did_you_mean(architecture, timm.list_models())
        raise RecipeError(f"timm {timm.__version__} has no model called {architecture!r}{near}")
    tags = [name.partition(".")[2] for name in timm.list_models(architecture, include_tags=True)]
    if tag and tag not in tags:
        raise RecipeError(
            f"timm {timm.__version__} knows no {architecture} tagged {tag!r}"
            f"{did_you_mean(tag, tags)}; its tags: {', '.join(filter(None, tags)) or 'none'}"
        )
    return get_pretrained_cfg(model) or PretrainedCfg()


def make(
    model: str, image_size: int, *, weights: Path | None = None, drop_path: float = 0.0
) -> nn.Module:
    """A model without its classifier, for square images: random, or with the weights of a file.

    Models that are made for one size of image start at their own size, which is that of their
    weights; timm then resamples what they have learnt about places.

    Raises
    ------
    RecipeError
        Where the model cannot be made so, or the file does not hold its weights.
    """
    about = known(model)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    resize = about.fixed_input_size and image_size != about.input_size[-1]
    made: nn.Module = _create(model, num_classes=0, **options)
    resamples = hasattr(made, "set_input_size")
    if resize and not resamples:
        options["img_size"] = image_size
        made = _create(model, num_classes=0, **options)
    if weights is not None:
        _fill(made, weights, model, options)
    if resize and resamples:
        _resize(made, model, image_size)
    return made


def _create(model: str, **options: Any) -> Any:
    try:
        return timm.create_model(model, pretrained=False, **options)
    except _REFUSALS as error:
        given = ", ".join(f"{name} = {value}" for name, value in options.items())
        raise RecipeError(f"timm cannot make {model} with {given}: {error}") from error


def _resize(made: Any, model: str, image_size: int) -> None:
    try:
        made.set_input_size(img_size=(image_size, image_size))
    except _REFUSALS as error:
        raise _wrong_size(model, image_size, error) from error


def _wrong_size(model: str, image_size: int, error: Exception) -> RecipeError:
    return RecipeError(
        f"timm's {model} takes no images of {image_size}x{image_size} pixels: "
        f"{str(error) or type(error).__name__}; "
        f"its own size is {known(model).input_size[-1]} (preprocessing.size)"
    )


def _fill(made: nn.Module, file: Path, model: str, options: dict[str, Any]) -> None:
    """Load the file of a whole model, but for the tensors that belong to its classifier."""
    try:
        given = load_file(file)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"cannot read the weights {file}: {error}") from error
    own: dict[str, Tensor] = made.state_dict()
    with torch.device("meta"):  # names alone
        whole = _create(model, **options).state_dict()
    wanted = {name: value for name, value in given.items() if name in own or name not in whole}
    if problems := mismatch(own, wanted):
        raise RecipeError(
            f"{file} does not hold the weights of {model} as timm names and shapes them:\n"
            + "\n".join(f"    {line}" for line in problems)
        )
    made.load_state_dict(wanted)


@torch.no_grad()
def features_of(made: nn.Module, model: str, image_size: int) -> int:
    """How many pooled features it gives; found with one black image.

    Raises
    ------
    RecipeError
        Where it takes no images of that size, or gives something else than pooled features.
    """
    training = made.training
    made.eval()
    try:
        features = made(torch.zeros(1, 3, image_size, image_size))
    except _REFUSALS as error:
        raise _wrong_size(model, image_size, error) from error
    made.train(training)
    if not isinstance(features, Tensor) or features.dim() != 2:
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        raise RecipeError(
            f"timm's {model} gives no pooled features: one image became {shape} where (1, f) is "
            "needed; choose another model"
        )
    return int(features.shape[1])
