"""What the schemas of systems on CLIP's two towers have in common."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, Detector, Misfit
from mfclip.weights.clip_files import absent_tower
from mfclip.weights.clip_names import Tower
from mfclip.weights.files import WeightFile, located

if TYPE_CHECKING:
    from open_clip.model import CustomTextCLIP


class OnClip(Detector):
    """A detector on open_clip's image and text transformer. The defaults are ViT-B/16."""

    paper: ClassVar[str] = "IV-A, Tables I-V"

    weights: WeightFile | None = None
    """A name of ``mfclip weights list``, or a local .safetensors file of a CLIP model, as open_clip
    or transformers saves it. Without it: all of it trained from scratch."""
    weights_of: Literal["both", "image"] = "both"
    """Towers that the weights are for. ``image``: the text tower begins anew and learns, and the
    temperature with it."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding that both towers share."""
    tower_width: int = Field(default=768, ge=1)
    """Width of the image tower."""
    layers: int = Field(default=12, ge=1)
    """Blocks of the image tower."""
    heads: int = Field(default=12, ge=1)
    """Its attention heads; ``tower_width`` must be a multiple of it."""
    patch: int = Field(default=16, ge=1)
    """Side of one token's patch, pixels; must divide the image size."""
    text_width: int = Field(default=512, ge=1)
    """Width of the text tower."""
    text_layers: int = Field(default=12, ge=1)
    """Blocks of the text tower."""
    text_heads: int = Field(default=8, ge=1)
    """Its attention heads; ``text_width`` must be a multiple of it."""
    activation: Literal["gelu", "quick-gelu"] = "quick-gelu"
    """Of the perceptrons. Weights published by OpenAI need ``quick-gelu``."""

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        for width, heads in (("tower_width", "heads"), ("text_width", "text_heads")):
            got = getattr(self, width), getattr(self, heads)
            if got[0] % got[1]:
                raise ValueError(
                    f"{width} must be a multiple of {heads}, got {width} {got[0]} and {heads} "
                    f"{got[1]}"
                )
        return self

    @model_validator(mode="after")
    def _of_weights(self) -> Self:
        if self.weights is None and self.weights_of != "both":
            raise ValueError(
                f'weights_of "{self.weights_of}" is of weights, and none are named; name some in '
                "weights, or leave weights_of out"
            )
        return self

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there or lack a tower, and patches that do not tile the image."""
        yield from absent_tower(self.weights, self._pretrained, context)
        if context.image_size % self.patch:
            yield Misfit(
                "patch",
                f"patches of {self.patch} pixels do not divide an image of {context.image_size}; "
                "change it or preprocessing.size",
            )

    def remarks(self, context: BuildContext) -> Iterable[str]:
        """That there are no weights to begin with, or of one tower alone."""
        if self.weights is None:
            yield (
                "weights names none of CLIP, so both towers are trained from scratch, "
                f"{self.layers} and {self.text_layers} blocks"
            )
        elif self.weights_of == "image":
            yield f"the text tower is trained from scratch, {self.text_layers} blocks"

    def towers(self, context: BuildContext) -> CustomTextCLIP:
        """Both towers, random or with the weights of the file.

        Raises:
            RecipeError: the file does not hold the weights of those that it is for.
        """
        from mfclip_baselines.clip import towers

        return towers(
            context.image_size,
            located(self.weights) if self.weights is not None and context.pretrained else None,
            **{name: getattr(self, name) for name in _SHAPE},
            pretrained=self._pretrained,
        )

    @property
    def _pretrained(self) -> dict[Tower, str]:
        """Towers that weights are for, and what else could be done where a file lacks one."""
        if self.weights is None:
            return {}
        anew = '; or let it begin anew by weights_of = "image"'
        return {"image": "", "text": anew} if self.weights_of == "both" else {"image": ""}


_SHAPE = (
    *("dim", "tower_width", "layers", "heads", "patch"),
    *("text_width", "text_layers", "text_heads", "activation"),
)
"""The fields that say what the towers look like."""
