"""Weights of one CLIP tower from a local file, in open_clip's or transformers' layout."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.nn import functional

from mfclip.errors import RecipeError
from mfclip.weights.clip_names import EXPECTED, TURNED, Tower, tower_names
from mfclip.weights.files import mismatch


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
            names = tower_names(opened.keys(), which)
            tensors = {new: opened.get_tensor(old) for old, new in names.items()}
    except (OSError, SafetensorError) as error:
        raise RecipeError(f"cannot read the weights {file}: {error}") from error
    if not tensors:
        raise RecipeError(f"{file} holds no {which} tower; expected {EXPECTED}")
    return _merge_attention(tensors)


def _merge_attention(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join query, key and value, and turn projections round. Other names pass unchanged.

    Where one of the three is absent the others keep their names, for the caller to report.
    """
    merged = {
        name.removesuffix(TURNED): tensor.T.contiguous() if name.endswith(TURNED) else tensor
        for name, tensor in tensors.items()
    }
    for query in [name for name in merged if ".in_proj_0." in name]:
        trio = [query.replace("_0.", f"_{i}.") for i in range(3)]
        if all(name in merged for name in trio):
            merged[query.replace("_0.", "_")] = torch.cat([merged.pop(name) for name in trio])
    return merged
