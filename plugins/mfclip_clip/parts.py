"""CLIP's two towers as parts of a recipe. The defaults are those of ViT-B/32."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, ImageEncoder, Input, Misfit, TextEncoder
from mfclip.weights.clip_files import absent_tower
from mfclip.weights.files import WeightFile, located
from mfclip.weights.names import WeightName

if TYPE_CHECKING:
    from mfclip_clip.features import MakesFeatures
    from mfclip_clip.towers import ClipImageEncoder, ClipTextEncoder

Activation = Literal["gelu", "quick-gelu"]


class ClipVit(ImageEncoder):
    """CLIP's vision transformer. Normalises with CLIP's mean and standard deviation itself."""

    paper: ClassVar[str] = "IV-B"

    use: Literal["clip-vit"] = "clip-vit"
    """Name of the part."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding that CLIP's text and image towers share."""
    tower_width: int = Field(default=768, ge=1)
    """Width of the transformer."""
    layers: int = Field(default=12, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=12, ge=1)
    """Attention heads; ``tower_width`` must be a multiple of it."""
    patch: int = Field(default=32, ge=1)
    """Side of one token's patch, pixels; must divide the image size."""
    activation: Activation = "gelu"
    """Of the perceptrons. Weights published by OpenAI need ``quick-gelu``."""
    weights: WeightFile | None = None
    """A name of ``mfclip weights list``, or a local .safetensors file of a whole CLIP model, as
    open_clip or transformers saves it. Without it: trained from scratch. Nothing is ever fetched
    by a build. Positions are resampled where the image size is not that of the weights."""
    tune: Literal["all", "layernorm", "lora", "none"] = "all"
    """What of the tower learns: everything, the weights and biases of its layer norms, low-rank
    adapters on its weights (LoRA, Hu et al. 2021; all else of it stays), nothing."""
    lora_rank: int = Field(default=8, ge=1)
    """r of ``tune = "lora"``: each weight W becomes W + (alpha / r) B A, B (out, r), A (r, in)."""
    lora_alpha: float | None = Field(default=None, gt=0)
    """alpha of ``tune = "lora"``. Without it: r, a factor of 1."""
    lora_on: Literal["attention", "all"] = "attention"
    """Where the adapters are: on the projections of query, key, value and output, or on the two
    layers of each perceptron as well."""
    read: tuple[int, ...] = ()
    """Numbers of the blocks whose tokens are read, from 1, concatenated; the blocks behind the last
    of them are left out. None: the embedding that CLIP was trained for."""
    pool: Literal["class", "patches", "both"] = "class"
    """What is read of each of these blocks: its class token, the mean of its patches' tokens, or
    the one and then the other."""
    l2: bool = False
    """Divide each vector that is read, or the embedding, by its length."""
    project: int | None = Field(default=None, ge=1)
    """d: length that what is read is brought to, by a layer normalisation and a linear layer that
    learn, so that it can be added to another embedding or compared with one. Without it: what is
    read is the embedding."""
    rate: float = Field(default=1.0, gt=0)
    """Factor of the learning rate for the tower."""
    checkpoint: bool = False
    """Compute each block's inside anew on the way back: less memory, a third more time."""
    patch_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the patches that is left out of each training image, drawn anew each time; at least
    one stays, and the class token. The blocks have that much less to compute (FLIP, Li et al.
    2023). Images that are scored keep all of theirs."""
    drop_path: float = Field(default=0.0, ge=0, lt=1)
    """Stochastic depth (Huang et al. 2016): share of the training images that pass by the attention
    of the last block that is read, and by its perceptron; of block l of L it is l / L of that."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_heads(self.tower_width, self.heads)
        rising = list(self.read) == sorted({*self.read})
        if not rising or not all(1 <= block <= self.layers for block in self.read):
            raise ValueError(
                f"read names blocks from 1 to {self.layers}, rising and each once; got "
                f"{list(self.read)}"
            )
        if self.pool != "class" and not self.read:
            raise ValueError(
                f'pool "{self.pool}" is of blocks that are read; got no numbers of blocks in read; '
                "name some or leave pool out"
            )
        if self.tune != "all" and self.weights is None:
            raise ValueError(
                f'random weights would stay as they are: got tune "{self.tune}" without weights; '
                "name weights or leave tune out"
            )
        for name in ("lora_rank", "lora_alpha", "lora_on"):
            default = ClipVit.model_fields[name].default
            if self.tune != "lora" and getattr(self, name) != default:
                raise ValueError(
                    f'{name} belongs to tune "lora"; got tune "{self.tune}"; set that, or leave '
                    f"{name} out"
                )
        for name in ("patch_dropout", "drop_path"):
            if self.tune == "none" and getattr(self, name):
                raise ValueError(
                    f"{name} is of a tower that learns; got {getattr(self, name)} with tune "
                    f'"none"; choose another tune, or leave {name} out'
                )
        return self

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.project or self.read_width

    @property
    def read_width(self) -> int:
        """Length of what is read of the tower."""
        vectors = 2 if self.pool == "both" else 1
        return self.tower_width * len(self.read) * vectors if self.read else self.dim

    def misfits(self, context: BuildContext) -> Iterator[Misfit]:
        """Patches that do not tile the image, and weights that are not there."""
        if context.image_size % self.patch:
            yield Misfit(
                "patch",
                f"patches of {self.patch} pixels do not divide an image of {context.image_size}; "
                "change it or preprocessing.size",
            )
        yield from absent_tower(self.weights, {"image": ""}, context)

    def build(self, context: BuildContext) -> ClipImageEncoder:
        """Make the tower, with the file's weights where one is named.

        Raises:
            RecipeError: the file does not hold the weights of this tower.
        """
        from mfclip.weights.clip import load_tower
        from mfclip_clip.towers import ClipImageEncoder, image_tower, projection

        tower = image_tower(
            context.image_size,
            patch=self.patch,
            width=self.tower_width,
            layers=self.layers,
            heads=self.heads,
            embedding=self.dim,
            activation=self.activation,
            patch_dropout=self.patch_dropout,
        )
        if self.weights is not None and context.pretrained:
            load_tower(tower, located(self.weights), "image")
        encoder = ClipImageEncoder(
            tower,
            tune=self.tune,
            read=self.read,
            pool=self.pool,
            l2=self.l2,
            rate=self.rate,
            checkpoint=self.checkpoint,
            drop_path=self.drop_path,
            project=projection(self.read_width, self.project) if self.project else None,
        )
        if self.tune == "lora":
            from mfclip_clip.lora import adapt

            alpha = self.lora_rank if self.lora_alpha is None else self.lora_alpha
            adapt(tower, rank=self.lora_rank, alpha=alpha, on=self.lora_on)
        return encoder


class ClipText(TextEncoder):
    """CLIP's text transformer. Encodes each sentence alone and averages the S embeddings.

    CLIP reads one sentence of 77 tokens; the average gives each prompt level the same say.
    """

    paper: ClassVar[str] = "IV-B"

    use: Literal["clip-text"] = "clip-text"
    """Name of the part."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding that CLIP's text and image towers share."""
    tower_width: int = Field(default=512, ge=1)
    """Width of the transformer."""
    layers: int = Field(default=12, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=8, ge=1)
    """Attention heads; ``tower_width`` must be a multiple of it."""
    activation: Activation = "gelu"
    """Of the perceptrons. Weights published by OpenAI need ``quick-gelu``."""
    weights: WeightFile | None = None
    """A name of ``mfclip weights list``, or a local .safetensors file of a whole CLIP model, as
    open_clip or transformers saves it. Without it: trained from scratch. Nothing is ever fetched
    by a build."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_heads(self.tower_width, self.heads)
        return self

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def misfits(self, context: BuildContext) -> Iterator[Misfit]:
        """Weights that are not there, or are of an image tower alone."""
        yield from absent_tower(self.weights, {"text": ""}, context)

    def build(self, context: BuildContext) -> ClipTextEncoder:
        """Make the tower, with the file's weights where one is named.

        Raises:
            RecipeError: the file does not hold the weights of this tower.
        """
        from mfclip.weights.clip import load_tower
        from mfclip_clip.towers import ClipTextEncoder, text_tower

        tower = text_tower(
            width=self.tower_width,
            layers=self.layers,
            heads=self.heads,
            embedding=self.dim,
            activation=self.activation,
        )
        if self.weights is not None and context.pretrained:
            load_tower(tower, located(self.weights), "text")
        return ClipTextEncoder(tower)


class ClipFeatures(Input):
    """Tokens of a frozen CLIP tower as a vector: made once for each image, and kept.

    What is built on it trains in minutes. The tower itself is not in the bundle: whoever scores
    needs the weights, whose hash the bundle has. Computed on the CPU, kept in float16.
    """

    use: Literal["clip-features"] = "clip-features"
    """Name of the part."""
    weights: WeightFile = WeightName("clip-vit-b16")
    """A name of ``mfclip weights list``, or a local .safetensors file."""
    size: int = Field(default=224, ge=16, le=1024)
    """Side of the square that the image is resized to for the tower, pixels."""
    read: tuple[int, ...] = (6, 8, 10, 12)
    """Numbers of the blocks whose tokens are concatenated, from 1; none: the embedding."""
    pool: Literal["class", "patches", "both"] = "class"
    """What is read of each block: its class token, the mean of its patches' tokens, or both."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the tower. ``auto``: bf16 on a CPU with units for it."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding."""
    tower_width: int = Field(default=768, ge=1)
    """Width of the transformer."""
    layers: int = Field(default=12, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=12, ge=1)
    """Attention heads."""
    patch: int = Field(default=16, ge=1)
    """Side of one token's patch, pixels."""
    activation: Activation = "quick-gelu"
    """Of the perceptrons."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        self._tower(None)
        return self

    @property
    def length(self) -> int:
        """n: numbers of the vector."""
        return self._tower(None).width

    def misfits(self, context: BuildContext) -> Iterator[Misfit]:
        """Patches that do not tile the square, and weights that are not there."""
        for misfit in self._tower(self.weights).misfits(replace(context, image_size=self.size)):
            yield misfit._replace(message=misfit.message.replace("preprocessing.size", "size"))

    def build(self, context: BuildContext) -> MakesFeatures:
        """Make the callable; the tower is read when the first vector is made."""
        from mfclip_clip.features import MakesFeatures

        part = self._tower(self.weights)
        own = replace(context, image_size=self.size)
        return MakesFeatures(lambda: part.build(own), self.size, self.precision, own.reencode)

    def _tower(self, weights: WeightName | Path | None) -> ClipVit:
        named = ("read", "pool", "dim", "tower_width", "layers", "heads", "patch", "activation")
        return ClipVit(weights=weights, **{name: getattr(self, name) for name in named})


def _check_heads(width: int, heads: int) -> None:
    if width % heads:
        raise ValueError(f"tower_width must be a multiple of heads, got {width} and {heads}")
