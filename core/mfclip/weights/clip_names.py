"""Names of transformers' CLIPModel in terms of open_clip's towers.

The two hold the same numbers. transformers keeps query, key and value apart and its projections
transposed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import torch
from torch import Tensor

_PREFIX = {"image": "vision_model.", "text": "text_model."}
_TURNED = ".transposed"
_WHOLE = {
    "visual_projection.weight": ("image", "proj" + _TURNED),
    "text_projection.weight": ("text", "text_projection" + _TURNED),
}
_RENAMED = {
    "embeddings.class_embedding": "class_embedding",
    "embeddings.patch_embedding.": "conv1.",
    "embeddings.position_embedding.weight": "positional_embedding",
    "embeddings.token_embedding.": "token_embedding.",
    "pre_layrnorm.": "ln_pre.",  # the misspelling is theirs
    "post_layernorm.": "ln_post.",
    "final_layer_norm.": "ln_final.",
    "encoder.layers.": "transformer.resblocks.",
    ".layer_norm1.": ".ln_1.",
    ".layer_norm2.": ".ln_2.",
    ".mlp.fc1.": ".mlp.c_fc.",
    ".mlp.fc2.": ".mlp.c_proj.",
    ".self_attn.out_proj.": ".attn.out_proj.",
    ".self_attn.q_proj.": ".attn.in_proj_0.",
    ".self_attn.k_proj.": ".attn.in_proj_1.",
    ".self_attn.v_proj.": ".attn.in_proj_2.",
}


def is_transformers(keys: Iterable[str]) -> bool:
    """Whether a file's keys are those of a transformers model."""
    return any(key.startswith(tuple(_PREFIX.values())) for key in keys)


def transformers_name(key: str, which: Literal["image", "text"]) -> str | None:
    """Name in the tower, or None where the key belongs to something else.

    Query, key and value come out as ``in_proj_0`` to ``in_proj_2``, and projections with
    ``.transposed`` behind: :func:`merge_attention` takes care of both.
    """
    if key in _WHOLE:
        owner, name = _WHOLE[key]
        return name if owner == which else None
    # Older files store the positions 0, 1, 2 ... as a buffer.
    if not key.startswith(_PREFIX[which]) or key.endswith(".position_ids"):
        return None
    name = key.removeprefix(_PREFIX[which])
    for theirs, ours in _RENAMED.items():
        name = name.replace(theirs, ours)
    return name


def merge_attention(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Join query, key and value, and turn projections round. Other names pass unchanged.

    Where one of the three is absent the others keep their names, for the caller to report.
    """
    merged = {
        name.removesuffix(_TURNED): tensor.T.contiguous() if name.endswith(_TURNED) else tensor
        for name, tensor in tensors.items()
    }
    for query in [name for name in merged if ".in_proj_0." in name]:
        trio = [query.replace("_0.", f"_{i}.") for i in range(3)]
        if all(name in merged for name in trio):
            merged[query.replace("_0.", "_")] = torch.cat([merged.pop(name) for name in trio])
    return merged
