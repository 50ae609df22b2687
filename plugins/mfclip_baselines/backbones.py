"""Backbones of timm for the systems here: from scratch or from a local file. Nothing is fetched."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import timm
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from mfclip.errors import RecipeError
from mfclip.weights.files import located, mismatch
from mfclip.weights.names import WeightName

_REFUSALS = (AssertionError, KeyError, RuntimeError, TypeError, ValueError)
"""What timm raises for options that a model does not take."""


def backbone(model: str, *, weights: Path | WeightName | None = None, **options: Any) -> nn.Module:
    """A model of timm, random or with the weights of a file.

    Tensors that only the file has, such as those of a classifier that was left out, are not read;
    tensors that only the model has must be those of its classifier.

    The classifier of an EfficientNet begins as PyTorch's linear layers do. timm draws it from
    plus or minus 1 / sqrt(classes), which suits a thousand: with two, fresh logits spread by 2 to 3
    and the loss begins at several times ln 2.

    Raises
    ------
    RecipeError
        Where timm cannot make it, or the file does not hold its weights.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of names that timm has mapped anew
            made: nn.Module = timm.create_model(model, pretrained=False, **options)
    except _REFUSALS as error:
        given = ", ".join(f"{name} = {value}" for name, value in options.items())
        raise RecipeError(f"timm cannot make {model} with {given}: {error}") from error
    if isinstance(made, timm.models.EfficientNet) and isinstance(made.classifier, nn.Linear):
        made.classifier.reset_parameters()
    if weights is not None:
        _fill(made, located(weights), model)
    return made


def _fill(made: nn.Module, file: Path, model: str) -> None:
    try:
        given = load_file(file)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"cannot read the weights {file}: {error}") from error
    own = made.state_dict()
    head = tuple(f"{name}." for name in _classifiers(made))
    body = {name: value for name, value in own.items() if not name.startswith(head)}
    if problems := mismatch(body, {name: given[name] for name in body if name in given}):
        raise RecipeError(
            f"{file} does not hold the weights of {model} as timm names and shapes them:\n"
            + "\n".join(f"    {line}" for line in problems)
        )
    made.load_state_dict({**own, **{name: given[name] for name in body}})


def _classifiers(made: nn.Module) -> tuple[str, ...]:
    """Names of the layers that give the classes, as timm records them."""
    named = getattr(made, "default_cfg", {}).get("classifier") or ()
    return (named,) if isinstance(named, str) else tuple(named)


class Normalise(nn.Module):
    """Images, 0-1 -> (images - mean) / std, by channel R, G, B."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch 3 height width"]:
        """Of each channel."""
        normalised: Tensor = (images - self.mean) / self.std
        return normalised


HALVES = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""Mean and standard deviation of Xception and of timm's plain vision transformers."""
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of most networks for ImageNet."""


def two_columns(logit: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 2"]:
    """One logit of being fake as columns real, fake.

    Their softmax is the logit's sigmoid, and their cross-entropy its binary cross-entropy. A
    ``pos_weight``, which counts one class more, is ``training.sampling = "balanced"`` here.
    """
    return torch.cat([-logit / 2, logit / 2], 1)
