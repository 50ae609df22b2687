"""The detector as a model of transformers."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import PreTrainedModel
from transformers.modeling_outputs import ImageClassifierOutput

from mfclip.detector.assemble import assemble
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import plugins_for, read_registry
from mfclip.transformers.configuration import MfclipConfig


class MfclipForImageClassification(PreTrainedModel):  # type: ignore[misc]
    """Prepared images to two calibrated logits, real and fake: their softmax is ``p_fake``.

    Raises :class:`mfclip.errors.RecipeError` where a part of the recipe is not installed.
    """

    config_class = MfclipConfig
    base_model_prefix = "detector"
    main_input_name = "pixel_values"

    def __init__(self, config: MfclipConfig) -> None:
        super().__init__(config)
        registry = read_registry()
        recipe = read_recipe_text(
            config.recipe, "config.json: recipe", plugins=plugins_for(registry), registry=registry
        )
        # Loading puts modules on a device without memory, where fixed filters would be lost.
        with torch.device("cpu"):
            self.detector = assemble(recipe, None, pretrained=False, text_side=False)
        keep_every_buffer(self.detector)
        self.post_init()

    def forward(
        self,
        pixel_values: Float[Tensor, "batch 3 size size"],
        labels: Int[Tensor, " batch"] | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> ImageClassifierOutput | tuple[Tensor, ...]:
        """Logits (B, 2) of images 0-1, RGB, as the image processor gives them; with labels
        (0 real, 1 fake) the cross-entropy."""
        logits = self.detector(pixel_values).logits / self.config.calibration
        loss = None if labels is None else functional.cross_entropy(logits, labels)
        if return_dict is False:
            return (logits,) if loss is None else (loss, logits)
        return ImageClassifierOutput(loss=loss, logits=logits)

    def _init_weights(self, module: nn.Module) -> None:
        """Nothing: the parts initialise themselves."""


def keep_every_buffer(module: nn.Module) -> None:
    """Let fixed filters and tables be saved as well, in place.

    Parts leave them out of their weights because building makes them anew. Transformers gives a
    buffer that is not in the file memory without content.
    """
    for inner in module.modules():
        inner._non_persistent_buffers_set.clear()
