"""Any backbone of the timm library behind the contract of an image encoder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import timm
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.models import PretrainedCfg, get_pretrained_cfg, is_model
from torch import Tensor, nn

from mfclip.errors import RecipeError
from mfclip.suggest import did_you_mean

_SHOWN = 4
"""Names given for each kind of mismatch."""


class TimmEncoder(nn.Module):
    """Images (B, 3, H, W), float 0-1, RGB -> embeddings (B, d).

    Parameters
    ----------
    backbone
        Images, normalised -> pooled features (B, f).
    features
        f: how many they are.
    dim
        d: length of the embedding.
    mean, std
        Of the images that the backbone wants; R, G, B, of values 0-1.
    drop_rate
        Share of the pooled features that are set to zero in training.
    frozen
        Whether the backbone gets no gradient and keeps its batch norms' statistics.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        dim: int,
        *,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        drop_rate: float = 0.0,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.drop = nn.Dropout(drop_rate)
        self.project = nn.Linear(features, dim)
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)
        self.frozen = frozen
        backbone.requires_grad_(not frozen)
        self.train(self.training)

    def forward(
        self, images: Float[Tensor, "batch 3 height width"]
    ) -> Float[Tensor, "batch width"]:
        """Pooled features of the normalised images, projected."""
        features = self.backbone((images - self.mean) / self.std)
        embedding: Tensor = self.project(self.drop(features))
        return embedding

    def train(self, mode: bool = True) -> Self:
        """Switch all, but for a frozen backbone, which stays as it is when scoring."""
        super().train(mode)
        if self.frozen:
            self.backbone.eval()
        return self


def config(model: str) -> PretrainedCfg:
    """What timm knows of a model: its size of image, mean, standard deviation, classifier.

    Raises
    ------
    RecipeError
        Where timm has no such model, or the model no such weights.
    """
    architecture, _, tag = model.partition(".")
    if not is_model(architecture):
        near = did_you_mean(architecture, timm.list_models())
        raise RecipeError(f"timm {timm.__version__} has no model {architecture!r}{near}")
    tags = [name.partition(".")[2] for name in timm.list_models(architecture, include_tags=True)]
    if tag and tag not in tags:
        raise RecipeError(
            f"timm {timm.__version__} knows no weights {tag!r} of {architecture}"
            f"{did_you_mean(tag, tags)}; it knows: {', '.join(filter(None, tags)) or 'none'}"
        )
    return get_pretrained_cfg(model) or PretrainedCfg()


def encoder(
    model: str,
    image_size: int,
    dim: int,
    *,
    weights: Path | None = None,
    drop_rate: float = 0.0,
    drop_path: float = 0.0,
    frozen: bool = False,
) -> TimmEncoder:
    """A timm model without its classifier, with the weights of a file or random ones.

    Raises
    ------
    RecipeError
        Where timm cannot make the model so, or the file does not hold its weights.
    """
    about = config(model)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if about.fixed_input_size:  # timm's mark of models that take the size
        options["img_size"] = image_size
    backbone = _create(model, options)
    if weights is not None:
        load(backbone, weights, about.classifier or ())
    return TimmEncoder(
        backbone,
        _features(backbone),
        dim,
        mean=about.mean,
        std=about.std,
        drop_rate=drop_rate,
        frozen=frozen,
    )


def _features(backbone: Any) -> int:
    """How many pooled features it gives; some models widen them after pooling."""
    return int(getattr(backbone, "head_hidden_size", None) or backbone.num_features)


def _create(model: str, options: dict[str, Any]) -> nn.Module:
    try:
        made: nn.Module = timm.create_model(model, pretrained=False, num_classes=0, **options)
    except (TypeError, ValueError, AssertionError) as error:
        given = ", ".join(f"{name} = {value}" for name, value in options.items())
        raise RecipeError(
            f"timm cannot make {model} with {given or 'its defaults'}: {error}"
        ) from error
    return made


def load(backbone: nn.Module, file: Path, classifier: str | tuple[str, ...]) -> None:
    """Fill a backbone from timm's own state dict of the whole model.

    Raises
    ------
    RecipeError
        Where the file cannot be read, or its names or shapes are not the backbone's.
    """
    heads = (classifier,) if isinstance(classifier, str) else tuple(classifier)
    try:
        given = load_file(file)
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"cannot read the weights {file}: {error}") from error
    given = {k: v for k, v in given.items() if not k.startswith(tuple(f"{h}." for h in heads))}
    if problems := _mismatch(backbone.state_dict(), given):
        raise RecipeError(
            f"{file} does not hold the weights of this model:\n"
            + "\n".join(f"    {line}" for line in problems)
        )
    backbone.load_state_dict(given)


def _mismatch(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    wrong = [
        f"{key} {list(given[key].shape)} instead of {list(own[key].shape)}"
        for key in own
        if key in given and own[key].shape != given[key].shape
    ]
    found = {
        "missing": [key for key in own if key not in given],
        "unexpected": [key for key in given if key not in own],
        "of another shape": wrong,
    }
    return [f"{kind}: {_some(keys)}" for kind, keys in found.items() if keys]


def _some(keys: list[str]) -> str:
    rest = len(keys) - _SHOWN
    return ", ".join(keys[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
