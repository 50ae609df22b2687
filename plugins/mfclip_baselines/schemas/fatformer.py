"""FatFormer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, Misfit, Origin
from mfclip_baselines.schemas.clip import OnClip

if TYPE_CHECKING:
    from mfclip_baselines.fatformer import FatFormer as Network


class FatFormer(OnClip):
    """Adapters for forgeries in a CLIP that language guides (Liu et al., CVPR 2024).

    The defaults are CLIP ViT-L/14. A tower whose weights are named stays as it is; one without
    learns with all the rest.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Liu et al., Forgery-aware adaptive transformer, CVPR 2024, arXiv 2312.16649",
        read="CLIP ViT-L/14, adapters in blocks 8, 16 and 24: convolutions 1024-64-1024 with ReLU, "
        "dropout 0.1 and a factor of 0.1; Haar bands with GroupNorm, attention of 8 heads within "
        "and between bands, a perceptron, the inverse, a gate that begins at zero; 16.93 million "
        "parameters each. 8 context tokens that look at the patches (12 heads, 7.1 million "
        "parameters), patches that look at the texts. Logits: cosines of class token and of guided "
        "patches with the texts. In the public code, which scores alone: adapters beside the "
        "perceptron of their block; 128 groups over all bands of an image; between bands first; "
        "layer norms behind the sums, ReLU; patches look at texts with 12 heads and a perceptron; "
        "the class token passes the frequency part by",
        inferred="users report that 4e-4 diverges and 2e-5 trains: 2e-5",
        unknown="weight decay, and whatever else only training has; the new layers' initial values "
        "are PyTorch's",
        without="with no weights of CLIP ViT-L/14 it learns from scratch, for which the assembly "
        "fatformer-small is made",
    )

    use: Literal["fatformer"] = "fatformer"
    """Name of the part."""
    dim: int = Field(default=768, ge=1)
    """d: length of the embedding; as the context looks at patches, also the text tower's width."""
    tower_width: int = Field(default=1024, ge=1)
    """Width of the image tower."""
    layers: int = Field(default=24, ge=1)
    """Blocks of the image tower."""
    heads: int = Field(default=16, ge=1)
    """Its attention heads; ``tower_width`` must be a multiple of it."""
    patch: int = Field(default=14, ge=1)
    """Side of one token's patch, pixels; an even number of them must make the image."""
    text_width: int = Field(default=768, ge=1)
    """Width of the text tower, which must be ``dim``."""
    text_heads: int = Field(default=12, ge=1)
    """Its attention heads, and those with which context and patches, patches and texts meet."""
    adapters: int = Field(default=3, ge=1)
    """Adapters, evenly spaced over the blocks; ``layers`` must be a multiple of it."""
    adapter_width: int = Field(default=64, ge=1)
    """Channels between both convolutions of an adapter."""
    adapter_heads: int = Field(default=8, ge=1)
    """Heads within and between bands; ``tower_width`` must be a multiple of it."""
    context: int = Field(default=8, ge=1, le=64)
    """M: learned vectors before the name of a class."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """In an adapter: between both convolutions, behind attention and in the perceptron."""
    scale: float = Field(default=0.1, gt=0)
    """Factor of what an adapter's convolutions add."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.dim != self.text_width:
            raise ValueError(f"dim must be text_width, got {self.dim} and {self.text_width}")
        for name, whole in (("adapters", self.layers), ("adapter_heads", self.tower_width)):
            if whole % getattr(self, name):
                of = "layers" if name == "adapters" else "tower_width"
                got = f"{of} {whole} and {name} {getattr(self, name)}"
                raise ValueError(f"{of} must be a multiple of {name}, got {got}")
        return self

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there, and a grid of patches that cannot be halved."""
        yield from super().misfits(context)
        if context.image_size % self.patch == 0 and context.image_size // self.patch % 2:
            yield Misfit(
                "patch",
                f"{context.image_size // self.patch} patches a side cannot be halved by a wavelet; "
                "change it or preprocessing.size",
            )

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of the towers that it is for.
        """
        from mfclip_baselines.fatformer import FatFormer as Network

        return Network(
            self.towers(context),
            adapters=self.adapters,
            hidden=self.adapter_width,
            heads=self.adapter_heads,
            context=self.context,
            language_heads=self.text_heads,
            dropout=self.dropout,
            scale=self.scale,
        )
