"""Weights of one CLIP tower from a local file, in open_clip's or transformers' layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from mfclip.errors import RecipeError
from mfclip.weights.clip_names import is_transformers, merge_attention, transformers_name
from mfclip.weights.files import mismatch

Tower = Literal["image", "text"]
"""Which half of a CLIP model."""


def load_tower(tower: nn.Module, file: Path, which: Tower) -> None:
    """Fill one tower from the file of a whole CLIP model. Reads only this tower's tensors.

    Raises:
        RecipeError: the file cannot be read, or its keys or shapes are not the tower's.
    """
    given = read_tower(file, which)
    _fit_positions(tower, given, which)
    if problems := mismatch(tower.state_dict(), given):
        raise RecipeError(
            f"{file} does not hold the weights of this {which} tower:\n"
            + "\n".join(f"    {line}" for line in problems)
            + "\nThe recipe's widths, layers, patch and image size must be those of the weights."
        )
    tower.load_state_dict(given)


def _fit_positions(tower: nn.Module, given: dict[str, Tensor], which: Tower) -> None:
    """Resample the positions of an image tower to its grid, bicubic, as for ViT's fine-tuning
    (Dosovitskiy et al. 2021, 3.2); the class token's stays.
    """
    key = "positional_embedding"
    if which == "text" or key not in given or given[key].ndim != 2:
        return
    own = tower.state_dict()[key]
    sides = [math.isqrt(len(positions) - 1) for positions in (given[key], own)]
    square = [side**2 + 1 for side in sides] == [len(given[key]), len(own)]
    if sides[0] == sides[1] or not square or given[key].shape[1] != own.shape[1]:
        return  # nothing to do, or a mismatch for the caller to tell
    positions = given[key].float()
    alone, grid = positions[:1], positions[1:]
    planes = grid.T.view(1, -1, sides[0], sides[0])  # (1, w, rows, columns)
    resized = functional.interpolate(
        planes, (sides[1], sides[1]), mode="bicubic", antialias=True, align_corners=False
    )
    given[key] = torch.cat([alone, resized.flatten(2)[0].T])


def read_tower(file: Path, which: Tower) -> dict[str, Tensor]:
    """Tensors of one tower, by the names of open_clip's tower classes.

    Raises:
        RecipeError: the file cannot be read, or holds nothing of such a tower.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            names = _names(opened.keys(), which)
            tensors = {new: opened.get_tensor(old) for old, new in names.items()}
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"cannot read the weights {file}: {error}") from error
    if not tensors:
        raise RecipeError(
            f"{file} holds no {which} tower; expected a CLIP model as open_clip "
            "('visual.…' and text keys) or transformers ('vision_model.…', 'text_model.…') saves it"
        )
    return merge_attention(tensors)


def _names(keys: Iterable[str], which: Tower) -> dict[str, str]:
    """Each key of the file that belongs to the tower -> its name in the tower."""
    keys = list(keys)
    rename: Callable[[str, Tower], str | None]
    rename = transformers_name if is_transformers(keys) else _open_clip_name
    return {key: name for key in keys if (name := rename(key, which)) is not None}


def _open_clip_name(key: str, which: Tower) -> str | None:
    if which == "image":
        return key.removeprefix("visual.") if key.startswith("visual.") else None
    if key.startswith("visual.") or key in ("logit_scale", "logit_bias"):
        return None
    return key.removeprefix("text.")
