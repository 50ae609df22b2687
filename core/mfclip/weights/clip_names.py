"""Names of CLIP's tensors in open_clip's and transformers' files, by tower. No torch.

The two hold the same numbers. transformers keeps query, key and value apart and its projections
transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

Tower = Literal["image", "text"]
"""Which half of a CLIP model."""
TURNED = ".transposed"
"""Behind the name of a projection that the file has the other way round."""
EXPECTED = (
    "a CLIP model as open_clip ('visual.…' and text keys) or transformers ('vision_model.…', "
    "'text_model.…') saves it"
)
"""What a file of both towers is."""
_PREFIX = {"image": "vision_model.", "text": "text_model."}
_WHOLE = {
    "visual_projection.weight": ("image", "proj" + TURNED),
    "text_projection.weight": ("text", "text_projection" + TURNED),
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


def tower_names(keys: Iterable[str], which: Tower) -> dict[str, str]:
    """Each key of a file that belongs to the tower -> its name in the tower."""
    keys = list(keys)
    rename: Callable[[str, Tower], str | None]
    rename = _transformers_name if _is_transformers(keys) else _open_clip_name
    return {key: name for key in keys if (name := rename(key, which)) is not None}


def _is_transformers(keys: Iterable[str]) -> bool:
    """Whether a file's keys are those of a transformers model."""
    return any(key.startswith(tuple(_PREFIX.values())) for key in keys)


def _transformers_name(key: str, which: Tower) -> str | None:
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


def _open_clip_name(key: str, which: Tower) -> str | None:
    if which == "image":
        return key.removeprefix("visual.") if key.startswith("visual.") else None
    if key.startswith("visual.") or key in ("logit_scale", "logit_bias"):
        return None
    return key.removeprefix("text.")
