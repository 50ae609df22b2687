"""Schemas of the vision parts. Nothing here imports torch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, SerializeAsAny, model_validator

from mfclip.parts import BuildContext, Detector, ImageEncoder, Misfit
from mfclip.reads import keyword
from mfclip.weights.files import WeightFile, absent, located

if TYPE_CHECKING:
    from mfclip_vision.cvit import CvitEncoder
    from mfclip_vision.ensemble import EnsembleDetector
    from mfclip_vision.frame_mean import FrameMeanEncoder
    from mfclip_vision.map_cnn import MapEncoder
    from mfclip_vision.mve import MultiModalVisionEncoder
    from mfclip_vision.noise import SrmNoiseEncoder
    from mfclip_vision.timm_backbone import TimmEncoder
    from mfclip_vision.vector import VectorEncoder


def _check_heads(dim: int, heads: int) -> None:
    if dim % heads:
        raise ValueError(f"dim must be a multiple of heads, got dim {dim} and heads {heads}")


class Cvit(ImageEncoder):
    """Image encoder IE: a VGG-like CNN on the whole image, then a transformer on one token."""

    paper: ClassVar[str] = "III-C"

    use: Literal["cvit"] = "cvit"
    """Name of the part."""
    channels: tuple[int, ...] = Field(default=(32, 64, 128, 256, 512), min_length=1)
    """Channels of each group of convolutions. Each group ends by halving the map."""
    convolutions: tuple[int, ...] = Field(default=(3, 3, 3, 4, 4), min_length=1)
    """Convolutions in each group."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding, and width of the transformer."""
    depth: int = Field(default=6, ge=1)
    """Transformer blocks."""
    heads: int = Field(default=8, ge=1)
    """Attention heads; ``dim`` must be a multiple of it."""
    mlp: int = Field(default=2048, ge=1)
    """Hidden width of the transformer's MLP."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_heads(self.dim, self.heads)
        if len(self.channels) != len(self.convolutions):
            raise ValueError(
                "channels and convolutions must have one entry a group each, got "
                f"{len(self.channels)} and {len(self.convolutions)}"
            )
        if min(self.channels) < 1 or min(self.convolutions) < 1:
            raise ValueError("channels and convolutions must be at least 1 in every group")
        return self

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    @property
    def stride(self) -> int:
        """Pixels of the image for one pixel of the last map: 2 to the number of groups."""
        return int(2 ** len(self.channels))

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """An image that the poolings cannot halve to the end."""
        if context.image_size % self.stride:
            yield Misfit(
                "channels",
                f"the image size must be a multiple of {self.stride} (2 to the number of "
                f"groups), got {context.image_size}; change preprocessing.size or the groups",
            )

    def build(self, context: BuildContext) -> CvitEncoder:
        """Make the module."""
        from mfclip_vision.cvit import CvitEncoder

        return CvitEncoder(
            image_size=context.image_size,
            channels=self.channels,
            convolutions=self.convolutions,
            width=self.dim,
            depth=self.depth,
            heads=self.heads,
            mlp=self.mlp,
        )


def _timm_name(model: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?", model):
        raise ValueError(
            "timm models are named by letters, digits and underscores, with a tag after a dot "
            f"where one is wanted; got {model!r}; models by address are never fetched"
        )
    return model


TimmModel = Annotated[str, AfterValidator(_timm_name)]
"""A model of timm's own list, such as ``resnet50`` or ``resnet50.a1_in1k``."""


class Timm(ImageEncoder):
    """A backbone of the timm library: pooled features, projected. Normalises as timm says."""

    modules: ClassVar[tuple[str, ...]] = ("timm",)
    extra: ClassVar[str | None] = "mfclip[timm]"

    use: Literal["timm"] = "timm"
    """Name of the part."""
    model: TimmModel = "tf_efficientnet_lite0"
    """A name of ``timm.list_models()``; with a tag (``resnet50.a1_in1k``) the mean and standard
    deviation are those of the weights that timm knows by it."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding."""
    weights: WeightFile | None = None
    """A name of ``mfclip weights list``, or a local .safetensors file of the model's state dict, as
    timm names it; the classifier's tensors are not read. Without it: trained from scratch. Nothing
    is ever fetched by a build."""
    tune: Literal["all", "layernorm", "none"] = "all"
    """What of the model learns: everything, the weights and biases of its norm layers (layer,
    batch, group and RMS norms alike; batch norms' statistics move too), nothing, statistics
    included. The projection to ``dim`` always does."""
    freeze: Literal["none", "all"] = "none"
    """The earlier word: ``all`` is ``tune = "none"``."""
    rate: float = Field(default=1.0, gt=0)
    """Factor of the learning rate for the model, not for the projection."""
    drop_rate: float = Field(default=0.0, ge=0, lt=1)
    """Share of the pooled features that are set to zero in training."""
    drop_path_rate: float = Field(default=0.0, ge=0, lt=1)
    """Share of samples for which the last block is skipped in training; nearer to the image
    blocks are skipped less often. Not all models take it."""

    @model_validator(mode="after")
    def _frozen_weights_are_pretrained(self) -> Self:
        if self.freeze == "all" and self.weights is None:
            raise ValueError(
                'a frozen model would keep random weights: got freeze "all" without weights; '
                "name a file of weights or leave freeze out"
            )
        if self.freeze == "all" and self.tune == "layernorm":
            raise ValueError(
                'freeze "all" lets nothing learn; got tune "layernorm" beside it; leave freeze out'
            )
        if self.tune != "all" and self.weights is None:
            raise ValueError(
                f'random weights would stay as they are: got tune "{self.tune}" without weights; '
                "name weights or leave tune out"
            )
        return self

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Weights that are not there."""
        return absent(self.weights, context)

    def build(self, context: BuildContext) -> TimmEncoder:
        """Make the module, with the file's weights where one is named.

        Raises:
            RecipeError: timm knows no such model, the model cannot be an encoder of images of
                this size, or the file does not hold its weights.
        """
        from mfclip_vision.timm_backbone import TimmEncoder
        from mfclip_vision.timm_models import features_of, known, make
        from mfclip_vision.timm_tuning import let_learn

        size, weights = context.image_size, None
        if self.weights is not None and context.pretrained:
            weights = located(self.weights)
        backbone = make(self.model, size, weights=weights, drop_path=self.drop_path_rate)
        tune = "none" if self.freeze == "all" else self.tune
        let_learn(backbone, tune, self.model)
        about = known(self.model)
        return TimmEncoder(
            backbone,
            features_of(backbone, self.model, size),
            self.dim,
            mean=about.mean,
            std=about.std,
            drop_rate=self.drop_rate,
            frozen=tune == "none",
            rate=self.rate,
        )


class SrmNoise(ImageEncoder):
    """Noise encoder NE: the SRM residual of the richest patch, a small CNN, a transformer."""

    paper: ClassVar[str] = "III-C, Eq. 4-5"

    use: Literal["srm-noise"] = "srm-noise"
    """Name of the part."""
    patch_size: int = Field(default=112, ge=8)
    """p: side of the patch, pixels; must divide the image size."""
    choose: Literal["richest", "poorest"] = "richest"
    """Which patch is read: the one of lowest or of highest GLCM homogeneity."""
    filters: Literal["srm3", "srm30"] = "srm3"
    """High-pass filters: the three in common use, or the rich model's thirty linear ones."""
    truncate: float | None = Field(default=None, gt=0)
    """Cut the residual to this many grey levels either side. Without it: not at all."""
    channels: int = Field(default=64, ge=2, multiple_of=2)
    """c: channels of the local noise embeddings."""
    grid: int = Field(default=8, ge=1)
    """h = w: side of the local noise embeddings, whatever the patch size."""
    blocks: int = Field(default=3, ge=1)
    """B: transformer blocks."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding, and width of the transformer."""
    heads: int = Field(default=8, ge=1)
    """Attention heads; ``dim`` must be a multiple of it."""
    mlp: int = Field(default=512, ge=1)
    """Hidden width of the transformer's MLP."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_heads(self.dim, self.heads)
        return self

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """A patch that does not divide the image."""
        size = context.image_size
        if size % self.patch_size:
            allowed = ", ".join(str(p) for p in range(8, size + 1) if size % p == 0)
            yield Misfit(
                "patch_size",
                f"patches of {self.patch_size} pixels do not divide an image of {size}; "
                f"allowed: {allowed or 'none below that size'}",
            )

    def build(self, context: BuildContext) -> SrmNoiseEncoder:
        """Make the module."""
        from mfclip_vision.noise import SrmNoiseEncoder

        return SrmNoiseEncoder(
            patch_size=self.patch_size,
            choose=self.choose,
            filters=self.filters,
            truncate=self.truncate,
            channels=self.channels,
            grid=self.grid,
            width=self.dim,
            blocks=self.blocks,
            heads=self.heads,
            mlp=self.mlp,
        )


class MapCnn(ImageEncoder):
    """Encoder of an input beside the image, such as a reconstruction error: a small CNN.

    In place of a noise encoder, or alone, where the map is all that counts.
    """

    use: Literal["map-cnn"] = "map-cnn"
    """Name of the part."""
    input: str = Field(default="map", min_length=1)
    """Name of the input that it reads, as an ``[[input]]`` of the recipe gives it."""
    channels: int = Field(default=1, ge=1)
    """Channels of the map."""
    widths: tuple[int, ...] = Field(default=(32, 64, 128), min_length=1)
    """Channels after each convolution; each halves the map."""
    dim: int = Field(default=512, ge=1)
    """d: length of the embedding."""

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # a setting decides
        """The one input."""
        return frozenset({self.input})

    @property
    def shapes(self) -> dict[str, tuple[str | int, ...]]:
        """Of the input that it reads."""
        return {self.input: ("batch", self.channels, "size", "size")}

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def build(self, context: BuildContext) -> MapEncoder:
        """Make the module."""
        from mfclip_vision.map_cnn import MapEncoder

        return MapEncoder(keyword(self.input), self.channels, self.widths, self.dim)


class Vector(ImageEncoder):
    """Encoder of a vector beside the image, such as a frozen tower's features: standardised."""

    use: Literal["vector"] = "vector"
    """Name of the part."""
    input: str = Field(default="clip-features", min_length=1)
    """Name of the input that it reads, as an ``[[input]]`` of the recipe gives it."""
    length: int = Field(default=3072, ge=1)
    """n: numbers of the vector."""
    standardise: bool = True
    """Subtract each number's mean over the training images and divide by its deviation."""
    erase_groups: int = Field(default=0, ge=0)
    """Take out the directions in which the real images of one ``group`` of the manifest differ, in
    the mean, from those of another; room for so many groups and one more. A group that has no
    fakes, or only fakes of one kind, then does not teach that its pictures are real. Without
    groups nothing is taken out."""
    whiten: int = Field(default=0, ge=0, le=1024)
    """Bring the so many directions in which images of one ``group`` and label vary most, as
    persons, poses and light do, down to the variance of the last of them. What remains of a
    forgery's traces then weighs more. As many as there are, where there are less; taken from 4,096
    of the training images at most."""
    project: int | None = Field(default=None, ge=1)
    """d: length that the vector is brought to by a linear layer that learns, so that it can be
    added to another embedding or compared with one. Without it: the vector is the embedding."""

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # a setting decides
        """The one input, and in training what erasing and whitening need."""
        more = ("label", "group") if self.erase_groups or self.whiten else ()
        return frozenset({self.input, *more})

    @property
    def shapes(self) -> dict[str, tuple[str | int, ...]]:
        """Of the input that it reads."""
        return {self.input: ("batch", self.length)}

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.project or self.length

    def build(self, context: BuildContext) -> VectorEncoder:
        """Make the module."""
        from mfclip_vision.vector import VectorEncoder

        return VectorEncoder(
            self.input,
            keyword(self.input),
            self.length,
            standardise=self.standardise,
            erased=self.erase_groups,
            whitened=self.whiten,
            project=self.project,
        )


class FrameMean(ImageEncoder):
    """Encoder of clips: any encoder of images, over every frame; their embeddings' mean."""

    clips: ClassVar[bool] = True

    use: Literal["frame-mean"] = "frame-mean"
    """Name of the part."""
    image: SerializeAsAny[ImageEncoder] = Cvit()
    """Encodes each frame."""

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.image.width

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """An encoder inside that reads clips itself, or more than the image."""
        if self.image.clips:
            yield Misfit("image", f"{self.image.use} reads clips; allowed: encoders of images")
        if self.image.reads:
            names = ", ".join(sorted(self.image.reads))
            yield Misfit(
                "image", f"frames have nothing beside them, and {self.image.use} reads {names}"
            )

    def build(self, context: BuildContext) -> FrameMeanEncoder:
        """Make the module."""
        from mfclip_vision.frame_mean import FrameMeanEncoder

        return FrameMeanEncoder(self.image.build(replace(context, frames=None)))


class MultiModalVision(ImageEncoder):
    """Multi-modal vision encoder MVE: X_v = X_i + N_n, image and noise embedding added."""

    paper: ClassVar[str] = "III-C"

    use: Literal["mve"] = "mve"
    """Name of the part."""
    image: SerializeAsAny[ImageEncoder] = Cvit()
    """IE: gives X_i."""
    noise: SerializeAsAny[ImageEncoder] = SrmNoise()
    """NE: gives N_n."""

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.image.width

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # what its encoders read
        """Everything that one of its encoders reads beside the image."""
        return self.image.reads | self.noise.reads

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Embeddings of different lengths, which cannot be added."""
        if self.image.width != self.noise.width:
            yield Misfit(
                "noise",
                "image and noise embeddings are added and must be equally wide, got "
                f"{self.image.width} from {self.image.use} and {self.noise.width} from "
                f"{self.noise.use}; set the same dim in both",
            )

    def build(self, context: BuildContext) -> MultiModalVisionEncoder:
        """Make the module."""
        from mfclip_vision.mve import MultiModalVisionEncoder

        return MultiModalVisionEncoder(
            self.image.build(context),
            self.noise.build(context),
            (frozenset(map(keyword, self.image.reads)), frozenset(map(keyword, self.noise.reads))),
        )


class Ensemble(Detector):
    """Several encoders, each with a linear head, that learn side by side: their logits' mean.

    Each is taught by its own logits. A training reads the images once for all of them.
    """

    gives: ClassVar[frozenset[str]] = frozenset({"logits", "ensemble.logits"})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        "ensemble.logits": ("batch", "members", 2)
    }

    use: Literal["ensemble"] = "ensemble"
    """Name of the part."""
    member: tuple[SerializeAsAny[ImageEncoder], ...] = Field(
        default=(Cvit(), SrmNoise()), min_length=2
    )
    """The encoders."""
    layer_norm: tuple[bool, ...] = ()
    """For each member, whether its embedding is layer-normalised before its linear layer. None
    named: nobody's."""
    head_rate: tuple[Annotated[float, Field(gt=0)], ...] = ()
    """For each member, the factor of the learning rate for its linear layer; a long embedding wants
    a small one. None named: 1."""

    @model_validator(mode="after")
    def _one_each(self) -> Self:
        for name, given in (("layer_norm", self.layer_norm), ("head_rate", self.head_rate)):
            if given and len(given) != len(self.member):
                raise ValueError(
                    f"{name} has one entry for each of the {len(self.member)} members, or none; "
                    f"got {len(given)}"
                )
        return self

    @property
    def reads(self) -> frozenset[str]:  # type: ignore[override]  # what its encoders read
        """Everything that one of its members reads beside the image."""
        return frozenset[str]().union(*(member.reads for member in self.member))

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Members that read clips."""
        for place, member in enumerate(self.member):
            if member.clips:
                yield Misfit(f"member.{place}", f"members read images; {member.use} reads clips")

    def build(self, context: BuildContext) -> EnsembleDetector:
        """Make the module."""
        from mfclip_vision.ensemble import EnsembleDetector, Member

        normed = self.layer_norm or (False,) * len(self.member)
        rates = self.head_rate or (1.0,) * len(self.member)
        return EnsembleDetector(
            [
                Member(
                    member.build(context),
                    member.width,
                    frozenset(map(keyword, member.reads)),
                    layer_norm,
                    rate,
                )
                for member, layer_norm, rate in zip(self.member, normed, rates, strict=True)
            ]
        )
