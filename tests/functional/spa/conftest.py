"""Real models of real libraries, as small as they go, and batches for them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

TEXT = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 16,
    "bos_token_id": 62,
    "eos_token_id": 63,
    "pad_token_id": 0,
}
VISION = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "image_size": 32,
    "patch_size": 16,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
SIGLIP2_VISION = {k: v for k, v in VISION.items() if k != "image_size"} | {"num_patches": 4}
ALT_TEXT = TEXT | NO_DROPOUT | {"max_position_embeddings": 32, "project_dim": 16, "pad_token_id": 1}
CONFIGS = {
    "CLIP": (TEXT, VISION, {"projection_dim": 8}),
    "Siglip": (TEXT | {"projection_size": 16}, VISION, {}),
    "Siglip2": (TEXT | {"projection_size": 16}, SIGLIP2_VISION, {}),
    "Blip": (
        TEXT | NO_DROPOUT | {"encoder_hidden_size": 16, "sep_token_id": 63},
        VISION,
        {"projection_dim": 8},
    ),
    "AltCLIP": (ALT_TEXT, VISION, {"projection_dim": 8}),
    "ChineseCLIP": (TEXT | NO_DROPOUT, VISION, {"projection_dim": 8}),
}
WIDTHS = {"Siglip": 16, "Siglip2": 16}


@pytest.fixture(scope="session")
def transformers_model() -> Callable[..., nn.Module]:
    """(family, seed) -> a model of transformers with random weights and no dropout."""
    transformers = pytest.importorskip("transformers")

    def make(family: str = "CLIP", seed: int = 0) -> nn.Module:
        text, vision, rest = CONFIGS[family]
        torch.manual_seed(seed)
        config = getattr(transformers, f"{family}Config")
        model = getattr(transformers, f"{family}Model")
        return model(config(text_config=dict(text), vision_config=dict(vision), **rest))

    return make


@pytest.fixture(scope="session")
def width_of() -> Callable[[str], int]:
    """Family -> width of its embeddings."""
    return lambda family: WIDTHS.get(family, 8)


@pytest.fixture(scope="session")
def prompts() -> Tensor:
    """Three texts, tokenised."""
    tokens = torch.randint(2, 60, (3, 8), generator=torch.Generator().manual_seed(5))
    tokens[:, -1] = 63
    return tokens


@pytest.fixture(scope="session")
def batch_of(prompts: Tensor) -> Callable[..., dict[str, Tensor]]:
    """(family, size, seed) -> inputs by name."""

    def make(family: str = "CLIP", size: int = 5, seed: int = 0) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        ids = prompts[torch.arange(size) % len(prompts)]
        batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if family != "Siglip2":
            pixels = torch.randn(size, 3, 32, 32, generator=generator)
            return batch | {"pixel_values": pixels}
        return batch | {
            "pixel_values": torch.randn(size, 4, 3 * 16 * 16, generator=generator),
            "pixel_attention_mask": torch.ones(size, 4),
            "spatial_shapes": torch.tensor([[2, 2]] * size),
        }

    return make


@pytest.fixture(scope="session")
def open_clip_model() -> Callable[..., nn.Module]:
    """(seed, logit_bias) -> a CLIP of open_clip with random weights."""
    open_clip = pytest.importorskip("open_clip")

    def make(seed: int = 0, logit_bias: float | None = None) -> nn.Module:
        torch.manual_seed(seed)
        return open_clip.CLIP(
            embed_dim=8,
            vision_cfg={
                "image_size": 32,
                "patch_size": 16,
                "width": 16,
                "layers": 1,
                "head_width": 8,
            },
            text_cfg={"context_length": 8, "vocab_size": 64, "width": 16, "heads": 2, "layers": 1},
            init_logit_bias=logit_bias,
            output_dict=True,
        )

    return make
