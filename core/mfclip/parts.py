"""What a part is: a frozen schema that a recipe fills in and that builds the working object.

A plugin declares its parts as subclasses of the bases below and offers the classes through the
hooks of :mod:`mfclip.hookspecs`. Nothing here imports torch: listing, checking and documenting
parts stays light, and only :meth:`Part.build` loads what the part computes with.

A field whose type is one of these bases is a *slot*: a recipe fills it with any offered part of
that base (``[vision.image] use = "cvit"``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    Literal,
    NamedTuple,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, Field

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.reencode import PATTERN

if TYPE_CHECKING:
    from torch import nn

    from mfclip.data.manifest import Manifest
    from mfclip.data.protocols import Corrupts, Forges, MakesInput, PromptRenderer, Tokenises
    from mfclip.faces.face import Locates

KINDS = (
    *("encoder", "prompts", "alignment", "loss", "detector", "dataset", "corruption"),
    *("input", "pseudo-fake", "locator"),
)
"""Every kind of part, in the order in which the documentation shows them."""

OutputName = str
"""Name of an output: one of :data:`mfclip.output_names.STANDARD`, or a plugin's own, such as
``acme.map``, which lies in :attr:`mfclip.detector.outputs.Outputs.extra`."""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """What a part may need to know of the detector around it when it is checked or built.

    New fields get defaults, so a plugin written for an older context keeps working.
    """

    image_size: int = 224
    """Side of the square input image, pixels."""
    sentences: int = 4
    """S: sentences in one hierarchical prompt."""
    prompts: int = 8
    """K: distinct prompts of the training data."""
    batch_size: int = 24
    """Pairs in one training step."""
    width: int = 512
    """d: length of the embeddings that vision and text share."""
    frames: int | None = None
    """T: frames of one sample, for parts that read clips; None: a sample is one image."""
    reencode: str | None = None
    """``png`` or ``jpeg:1`` to ``jpeg:100``: what every image is brought through once it has its
    size, also by inputs that bring it to a size of their own; None: nothing."""
    pretrained: bool = True
    """False while a bundle is read back: build the architecture, read no weight file."""
    progress: Callable[[int, int], None] | None = None
    """Told (done, total) by builds that take long, such as making or listing a data set."""


class Misfit(NamedTuple):
    """One reason why a part cannot work where it is put."""

    field: str
    """The field at fault, dotted; empty for the part as a whole."""
    message: str
    """What is wrong, what was received, what is allowed."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What ``mfclip parts --json`` and the table of systems in the documents say of a port.

    Only ``read`` can be held against the authors; the rest is the port's own doing.
    """

    paper: str
    """Authors, short title, where it was published."""
    read: str
    """What its paper, or a description of it, says."""
    inferred: str = ""
    """What follows from that and was not said."""
    unknown: str = ""
    """What was chosen here because nothing says it."""
    supervision: str = "labels"
    """What training needs beside images: labels, masks, counterparts, sentences, a diffusion
    model."""
    without: str = ""
    """What it does where that supervision is absent."""


class Part(BaseModel):
    """Base of all parts. Subclasses set ``use: Literal["their-name"] = "their-name"``."""

    # The docstrings under the fields describe them; mfclip.recipe.describe reads them when needed.
    # The validator of a part is built when a recipe first uses it: of many installed parts, most
    # are only listed.
    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, defer_build=True)

    kind: ClassVar[str]
    """One of :data:`KINDS`; set by the bases below."""
    paper: ClassVar[str] = ""
    """Where it comes from, e.g. ``"III-C, Eq. 4-5"``."""
    modules: ClassVar[tuple[str, ...]] = ()
    """Optional top-level modules that :meth:`build` imports; absent ones are a recipe error."""
    extra: ClassVar[str | None] = None
    """The extra that installs :attr:`modules`, e.g. ``"mfclip[transformers]"``."""

    use: str
    """Name of the part."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """What does not fit, found without loading torch; nothing where all is well."""
        return ()

    def remarks(self, context: BuildContext) -> Iterable[str]:
        """What to know before it is trained: what it does without something that it would use.

        A sentence each, found without loading torch.
        """
        return ()

    @abstractmethod
    def build(self, context: BuildContext) -> Any:
        """Make the working object. May import torch and whatever :attr:`modules` names."""


class Encoder(Part):
    """Base of everything that turns an input into one embedding a sample."""

    kind: ClassVar[str] = "encoder"
    reads: ClassVar[frozenset[str]] = frozenset()
    """Inputs beside the image that the module's ``forward`` takes; see :mod:`mfclip.reads`."""

    @property
    @abstractmethod
    def width(self) -> int:
        """d: length of the embedding."""

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """Make the module."""


class ImageEncoder(Encoder):
    """Builds a module: images (B, 3, H, W), float 0-1, RGB -> embeddings (B, d).

    Its ``forward`` is handed what ``reads`` names by keyword, where there is any: see
    :mod:`mfclip.reads`. An encoder inside another one is handed what the outer one passes on.

    One that says ``clips = True`` gets clips (B, T, 3, H, W) in place of images.

    Noise encoders have the same contract. What an encoder wants on top of the detector's one
    preprocessing (its own mean and standard deviation, a patch, a filter) it does itself.
    """

    clips: ClassVar[bool] = False
    """Whether it reads clips; a recipe then says how long they are, ``preprocessing.frames``."""


class TextEncoder(Encoder):
    """Builds a module: tokens (K, S, L), int64, K distinct prompts of S sentences -> (K, d).

    L is 77, and the tokens are CLIP's, unless the part brings a tokeniser of its own.
    """

    def tokeniser(self) -> Tokenises | None:
        """What turns its sentences into tokens; None: CLIP's. May import what it needs."""
        return None


class Prompts(Part):
    """Builds a renderer: one hierarchical label -> S sentences."""

    kind: ClassVar[str] = "prompts"

    @property
    @abstractmethod
    def sentences(self) -> int:
        """S: sentences in one prompt."""

    @abstractmethod
    def build(self, context: BuildContext) -> PromptRenderer:
        """Make the renderer."""


class Alignment(Part):
    """Builds a module: visual (B, d), text (B, d), prompt index (B,) -> similarities both ways.

    The module returns an object with ``v2l`` and ``l2v``, both (B, B), and ``normalised``: see
    :class:`mfclip.detector.protocols.Similarity`.
    """

    kind: ClassVar[str] = "alignment"

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """Make the module."""


class Loss(Part):
    """Builds a module: (outputs, targets) -> unweighted scalar.

    A loss may read outputs that a third party's detector gives it: it names them in ``needs``,
    as ``acme.map``, and reads ``outputs.extra["acme.map"]``.
    """

    kind: ClassVar[str] = "loss"
    reads: ClassVar[frozenset[str]] = frozenset()
    """Inputs beside the image that it reads, in ``targets.named``; see :mod:`mfclip.reads`."""
    needs: ClassVar[frozenset[OutputName]] = frozenset({"logits"})
    """The outputs it reads. The detector has a text predictor only where one is needed."""
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {}
    """Shapes of outputs of its own for the conformance suite, e.g. ``{"acme.map": ("batch", 1, 8,
    8)}``; sizes are numbers, ``"batch"``, ``"width"`` or other words. Without one: ``("batch",
    "width")``."""

    weight: float = Field(default=1.0, ge=0)
    """Factor of this term in the sum."""

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """Make the module."""


class Detector(Part):
    """Builds a whole detector: images (B, 3, H, W) -> logits (B, 2), real first.

    The module may return :class:`mfclip.detector.outputs.Outputs` instead, where its losses
    need more than logits.
    """

    kind: ClassVar[str] = "detector"
    clips: ClassVar[bool] = False
    """Whether it reads clips (B, T, 3, H, W) in place of images, T being
    ``preprocessing.frames``."""
    reads: ClassVar[frozenset[str]] = frozenset()
    """Inputs beside the image that the module's ``forward`` takes; see :mod:`mfclip.reads`."""
    gives: ClassVar[frozenset[OutputName]] = frozenset({"logits"})
    """The outputs that its losses can read in training. Names of its own are in ``extra``."""
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {}
    """Shapes of outputs of its own, e.g. ``{"acme.map": ("batch", 1, 8, 8)}``: numbers are held
    to, words say what a size means. One map an image, (batch, 1, h, w), is shown by explain."""
    training_only: ClassVar[frozenset[str]] = frozenset()
    """Names of the module's children whose weights only training uses, such as a decoder. A bundle
    for scoring may leave them out."""
    origin: ClassVar[Origin | None] = None
    """Of a published system: its paper, and what was read in it, inferred, or chosen."""

    def tokeniser(self) -> Tokenises | None:
        """As :meth:`TextEncoder.tokeniser`, for a detector that reads ``tokens``."""
        return None

    @abstractmethod
    def build(self, context: BuildContext) -> nn.Module:
        """Make the module."""


class Dataset(Part):
    """Builds a manifest: a location -> rows of images with their labels.

    By custom the location is a field ``root: Path``, the folder of the data set: ``mfclip data
    import NAME FOLDER`` fills it. A part without that field says where its data are by fields of
    its own, ``mfclip data import NAME --set KEY=VALUE``.
    """

    kind: ClassVar[str] = "dataset"
    synthetic: ClassVar[bool] = False
    """Whether the images were drawn by a program; reports say so before any figure."""

    split: tuple[float, float, float] = (0.7, 0.15, 0.15)
    """Shares of train, validation and test; used only where the data name no split."""
    split_seed: int = Field(default=0, ge=0)
    """Seed of that split. Images of one identity stay together."""
    reencode: str | None = Field(default=None, pattern=PATTERN)
    """Bring every image, real and fake, through one encoder at the detector's size: ``jpeg:92`` (or
    another quality) or ``png``. In training and in whatever the detector scores afterwards. The
    cure where format, size or quality of the files give the label away."""
    findings: Literal["stop", "warn"] = "stop"
    """What errors of the data check do before training: end the run, or only be reported."""

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Shares that are none."""
        if min(self.split) < 0 or abs(sum(self.split) - 1) > 1e-6:
            got = list(self.split)
            yield Misfit("split", f"shares must not be negative and must sum to 1, got {got}")

    @abstractmethod
    def build(self, context: BuildContext) -> Manifest:
        """Read the location."""

    def prepare(self, context: BuildContext) -> None:
        """Do once what reading needs, such as extracting frames; ``mfclip data import`` calls it.

        A build never does: it reads what is there.
        """


class Corruption(Part):
    """Builds a callable: image (3, H, W) uint8, level 1-5, seed -> image of the same shape."""

    kind: ClassVar[str] = "corruption"

    @abstractmethod
    def build(self, context: BuildContext) -> Corrupts:
        """Make the callable."""


class Input(Part):
    """Builds what makes an input beside the image: a source -> a map (c, h, w) or a vector (n,).

    A mask, a reconstruction, the photo that a fake was made from. Each is made once for an image
    and kept on disk. Encoders, detectors and losses read it by :attr:`name`, in training and,
    where it is made of the image alone, in scoring.
    """

    kind: ClassVar[str] = "input"
    kept: ClassVar[bool] = True
    """Whether what it makes is kept on disk; not worth it where making is as fast as reading."""
    photo: ClassVar[bool] = False
    """Whether it is a picture beside the image, (3, h, w), uint8, that comes to the detector's size
    as the image does, re-encoding included, and is corrupted with it where the recipe augments.
    Other maps are resized bilinear, and no more."""
    version: ClassVar[int] = 1
    """Raise it where the same settings make something else than before."""

    @property
    def name(self) -> str:
        """The name that it is read by; the part's own, unless it says otherwise."""
        return self.use

    @property
    def columns(self) -> tuple[str, ...]:
        """Further columns of the manifest that it needs. None: it is made of the image alone."""
        return ()

    @abstractmethod
    def build(self, context: BuildContext) -> MakesInput:
        """Make the callable."""


class PseudoFake(Part):
    """Builds a callable: a real image (3, H, W) uint8, another one, a seed -> a fake of its shape.

    In training it takes the place of a fake of the same batch, with the label that is declared
    here. What it builds may learn from the real training images first, see
    :class:`mfclip.data.protocols.LearnsFromReals`.
    """

    kind: ClassVar[str] = "pseudo-fake"
    forgery: ClassVar[str] = ""
    """Level 2 of its label, as prompts speak of it: ``blended`` reads "a blended face"."""
    family: ClassVar[str] = ""
    """Level 3 of its label."""
    generator: ClassVar[str] = ""
    """Level 4 of its label; the part's own name, unless it says otherwise."""

    @property
    def label(self) -> HierarchicalLabel:
        """The label of every image that it makes."""
        return HierarchicalLabel("fake", self.forgery, self.family, self.generator or self.use)

    @abstractmethod
    def build(self, context: BuildContext) -> Forges:
        """Make the callable."""


class Locator(Part):
    """Builds a callable: a picture (3, H, W) uint8 -> its faces.

    A face is a box (left, top, right, bottom; pixels), a score 0-1, and five points or none.
    """

    kind: ClassVar[str] = "locator"
    points: ClassVar[bool] = False
    """Whether every face that it finds has its five points, so that crops can be turned upright."""

    @abstractmethod
    def build(self, context: BuildContext) -> Locates:
        """Make the callable; light, since what it opens is opened by its first call."""


BASES: dict[str, type[Part]] = {
    base.kind: base
    for base in (
        *(Encoder, Prompts, Alignment, Loss, Detector, Dataset, Corruption, Input),
        *(PseudoFake, Locator),
    )
}
"""The base class of each kind."""
MODULES: tuple[type[Part], ...] = (ImageEncoder, TextEncoder, Alignment, Loss, Detector)
"""Bases whose parts build a ``torch.nn.Module``."""


def members_of(annotation: Any) -> set[Any]:
    """The types and literal values that an annotation is made of, at any depth."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    if get_origin(annotation) is Annotated:
        return members_of(get_args(annotation)[0])
    inner = [arg for arg in get_args(annotation) if arg is not Ellipsis]
    return {m for arg in inner for m in members_of(arg)} if inner else {annotation}
