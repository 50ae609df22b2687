"""Weights of one CLIP tower from a local file, in open_clip's or transformers' layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from mfclip.errors import RecipeError
from mfclip.weights.files import mismatch
from mfclip_clip.huggingface import is_transformers, merge_attention, transformers_name

Tower = Literal["image", "text"]
"""Which half of a CLIP model."""


def load_tower(tower: nn.Module, file: Path, which: Tower) -> None:
    """Fill one tower from the file of a whole CLIP model. Reads only this tower's tensors.

    Raises:
        RecipeError: the file cannot be read, or its keys or shapes are not the tower's.
    """
    given = read_tower(file, which)
    if problems := mismatch(tower.state_dict(), given):
        raise RecipeError(
            f"{file} does not hold the weights of this {which} tower:\n"
            + "\n".join(f"    {line}" for line in problems)
            + "\nThe recipe's widths, layers, patch and image size must be those of the weights."
        )
    tower.load_state_dict(given)


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
