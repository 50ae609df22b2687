"""The tables of a recipe that are no parts: preprocessing, head, training and so on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, SerializeAsAny, model_validator

from mfclip.data import settings as of_data
from mfclip.data.kind_folds import COLUMNS, Column
from mfclip.data.settings import Settings as Settings
from mfclip.parts import BuildContext, Corruption, Locator, PseudoFake

if TYPE_CHECKING:
    from mfclip.faces.finder import FaceFinder


class FacesSettings(Settings):
    """How faces are found in a picture and cut out of it, in training as in scoring."""

    locator: SerializeAsAny[Locator]
    """What finds them."""
    margin: float = Field(default=0.15, ge=0, le=2)
    """Share of the crop's side that is added at each end. The crop is a square: without a margin
    its side is the longer one of the face's box."""
    align: bool = False
    """Turn each face upright by its five points. The crop is then the square that the points'
    template lies in, from the forehead to the chin, with the margin."""
    smallest: int = Field(default=32, ge=1, le=2048)
    """Pixels of the shorter side of the smallest face that is scored."""

    @model_validator(mode="after")
    def _pointed(self) -> Self:
        if self.align and not self.locator.points:
            raise ValueError(
                f"align turns a face by its five points, which '{self.locator.use}' does not "
                "give; set align = false, or take another locator"
            )
        return self

    def finder(self, context: BuildContext) -> FaceFinder:
        """What finds and cuts out faces so."""
        from mfclip.faces.finder import FaceFinder

        locate = self.locator.build(context)
        return FaceFinder(locate, self.margin, self.align, self.smallest)


class PreprocessingSettings(of_data.PreprocessingSettings):
    """How a picture becomes the detector's input: resized to a square, float 0-1, RGB.

    With ``faces`` its faces are cut out first: of a training image the largest one, in scoring
    every one.
    """

    faces: FacesSettings | None = None
    """Find faces and cut them out. Without it the images are taken to be crops of faces."""

    @model_validator(mode="after")
    def _still(self) -> Self:
        if self.faces is not None and self.frames is not None:
            raise ValueError(
                f"faces are found in single pictures, got frames {self.frames} as well; crop the "
                "data set first (mfclip data import --faces), or leave frames out"
            )
        return self


class HeadSettings(Settings):
    """The classification head: one fully connected layer on X_v (Eq. 3).

    The paper's by default. The published code's is ``normalise`` with ``layer_norm``.
    """

    normalise: bool = False
    """L2-normalise X_v before head and predictor. Without ``layer_norm`` or ``scale``, the logits
    of a fresh detector are all but equal and teach the encoders little."""
    layer_norm: bool = False
    """Layer normalisation between X_v and the head's fully connected layer."""
    scale: float | None = Field(default=None, gt=0)
    """What the head multiplies the normalised X_v by at the start of training, such as 10; it
    learns, and stays above 0. With ``normalise`` alone. Without it: 1, and it stays."""

    @model_validator(mode="after")
    def _scaled(self) -> Self:
        if self.scale is not None and (self.layer_norm or not self.normalise):
            raise ValueError(
                "scale is for L2-normalised features that no layer normalisation scales anew; got "
                f"scale {self.scale:g} with normalise {str(self.normalise).lower()} and layer_norm "
                f"{str(self.layer_norm).lower()}; set normalise = true and layer_norm = false, or "
                "leave scale out"
            )
        return self


class TrainingSettings(Settings):
    """The training loop. Defaults are the paper's (IV-A)."""

    epochs: int = Field(default=30, ge=1)
    """Passes over the training split."""
    batch_size: int = Field(default=24, ge=1)
    """Images in one step of the model."""
    accumulate: int = Field(default=1, ge=1)
    """Batches whose gradients are added up before the optimiser steps."""
    sampling: Literal["shuffled", "pairs", "balanced"] = "shuffled"
    """Order of the images in an epoch. ``shuffled``: each once, at random. ``pairs``: each once; a
    fake and a real one of the same photo, else of the same group, share a batch. ``balanced``: as
    many of every group and label, the rare ones more than once."""
    optimiser: Literal["adam", "adamw", "sgd"] = "adam"
    """``adam``: weight decay is part of the gradient. ``adamw``: it is apart from the moments.
    ``sgd``: with ``momentum``."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """How much of its last step ``sgd`` takes again; the others have moments of their own."""
    average: float = Field(default=0.0, ge=0, lt=1)
    """Validate and keep an exponential moving average of the weights with this decay, such as
    0.999, in place of the weights themselves. 0: no average."""
    learning_rate: float = Field(default=1e-4, gt=0)
    """The optimiser's learning rate, the highest of the schedule."""
    weight_decay: float = Field(default=1e-3, ge=0)
    """The optimiser's weight decay."""
    schedule: Literal["step", "cosine"] = "step"
    """``step``: the learning rate drops every ``step_epochs``. ``cosine``: it falls smoothly to 0
    at the end of the last epoch."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs over which the learning rate first rises from 0, in equal steps."""
    step_epochs: int = Field(default=15, ge=1)
    """Epochs between two drops of the learning rate, of the schedule ``step``."""
    step_factor: float = Field(default=0.1, gt=0, le=1)
    """Factor of each drop."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the forward pass. ``auto``: bf16 where the device computes it natively."""
    seed: int = Field(default=0, ge=0)
    """Of the weights, the order of the data and everything else that is drawn."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after so many epochs without a better validation AUC. Without it: never."""
    validation: Literal[
        "val", "left-out:generator", "left-out:forgery", "left-out:family", "left-out:group"
    ] = "val"
    """What epoch, candidate and threshold are chosen by. ``val``: the validation split.
    ``left-out:COLUMN``: for every kind in that column of the manifest, a detector is trained
    without it and judged by it; the best on average is then trained on all kinds."""
    checkpoint_steps: int = Field(default=100, ge=1)
    """Steps between two checkpoints inside an epoch; one is written at each epoch's end too."""
    workers: int | None = Field(default=None, ge=0)
    """Processes that decode images. Without it: one a core, at most eight."""

    @property
    def left_out(self) -> Column | None:
        """The column whose kinds are left out one by one; None: the validation split decides."""
        word, _, column = self.validation.partition(":")
        return next((one for one in COLUMNS if one == column), None) if word != "val" else None


class AugmentationSettings(Settings):
    """Changes to the training images, drawn anew for each image and epoch. None by default.

    They are made to the decoded image, before it is resized. Validation and test images are
    never changed.
    """

    mirror: float = Field(default=0.0, ge=0, le=1)
    """Share of the images that are mirrored, left for right."""
    crop: float = Field(default=0.0, ge=0, lt=1)
    """Largest part of the sides that is cut away: a crop of random size and place keeps between
    ``1 - crop`` and all of both sides, and the proportions."""
    corrupted: float = Field(default=0.5, ge=0, le=1)
    """Share of the images that one of ``corruptions``, drawn at random, is applied to."""
    strongest: int = Field(default=3, ge=1, le=5)
    """Levels 1 to this one are drawn."""
    corruptions: tuple[SerializeAsAny[Corruption], ...] = ()
    """Corruptions to draw from."""
    variants: int | None = Field(default=None, ge=1)
    """How many changed versions of each image there are. The image as it is and its versions take
    turns, epoch by epoch, and every epoch has images of all turns; inputs that are made of the
    image alone are made of each version, once.
    Without it every epoch has new versions, and inputs are made of the image as it is. A
    pseudo-fake that makes use of a partner is another one each time all the same."""
    pseudo: float = Field(default=0.25, ge=0, le=1)
    """Share of the fake images whose place is taken by one of ``pseudo_fakes``, drawn at random
    and made of a real image of the same batch. All other changes come after it."""
    pseudo_fakes: tuple[SerializeAsAny[PseudoFake], ...] = ()
    """Pseudo-fakes to draw from, with equal chance."""

    def turn(self, epoch: int, key: int) -> int:
        """Which version of an image an epoch (from 0) has: what its changes are drawn from.

        Without ``variants`` the epoch itself; with them, version 0 is the image as it is. ``key``
        stands for the image.
        """
        return epoch if self.variants is None else (epoch + key) % (self.variants + 1)

    @property
    def forged(self) -> tuple[PseudoFake, ...]:
        """The pseudo-fakes that training makes; none where their share is 0."""
        return self.pseudo_fakes if self.pseudo else ()


class EvaluationSettings(Settings):
    """How the finished detector is measured on the test split."""

    bootstrap: int = Field(default=1000, ge=100)
    """Resamples behind each interval. They draw identities if known, else videos, else images."""
    confidence: float = Field(default=0.95, gt=0, lt=1)
    """Coverage of each interval."""
    seed: int = Field(default=0, ge=0)
    """Of the resampling."""
    unlike: float | None = Field(default=None, gt=0, lt=0.5)
    """Remark on images that are unlike the training images: of another size or format, or so far
    from them by their features as at most this share of images like validation's is. The remark
    stands in ``reason`` and changes no score. Without it: none is made."""
    uncertain_error: float | None = Field(default=None, gt=0, lt=0.5)
    """Give a third verdict, ``uncertain``: at most this share of reals is called fake, and of fakes
    real, and what lies between is called neither. Fitted on validation. Without it: two verdicts.
    """
