"""DD-VQA and its losses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mfclip.parts import BuildContext, Detector, Loss, Misfit, Origin, OutputName

if TYPE_CHECKING:
    from mfclip_baselines.ddvqa import AnswerLikelihood as LikelihoodModule
    from mfclip_baselines.ddvqa import DdVqa as Network
    from mfclip_baselines.ddvqa import LabelContrast

_ANSWER, _IMAGE, _TEXT = "dd-vqa.answer", "dd-vqa.image", "dd-vqa.text"
_PAPER = "II-B, Table V"
_LEVELS = 4
"""Questions that there are."""


class DdVqa(Detector):
    """A BLIP that is asked whether a face is real, and why (Zhang et al., ECCV 2024).

    The defaults are BLIP's base size, with CLIP's byte pairs for words; from scratch. Reads the
    tokens of [prompts]: the sentence of level 2 answers the second question, and so on. The first
    answer is of the label.
    """

    paper: ClassVar[str] = _PAPER
    modules: ClassVar[tuple[str, ...]] = ("transformers",)
    extra: ClassVar[str | None] = "mfclip[transformers]"
    origin: ClassVar[Origin] = Origin(
        paper="Zhang et al., Common sense reasoning for deepfake detection, ECCV 2024, "
        "arXiv 2402.00126",
        read="BLIP: a vision transformer, a text encoder that looks at the image, a decoder that "
        "answers; language modelling of the answer plus text- and image-contrastive terms that "
        "pull real and fake apart; 14,782 questions and answers on 2,968 frames of FaceForensics++",
        inferred="questions and answers made from labels; the label read off a head on the "
        "question's first token, or off the likelihood of both answers; contrast by label, without "
        "a queue, at a temperature of 0.07 and a width of 256, as of BLIP; the step after it, in "
        "which an existing detector gets the learned features, is not here",
        unknown="width of the projections, queue, weights (1), schedule",
        supervision="labels of several levels; answers that people wrote are not read",
        without="where labels have one level, the answers to the further questions say no more "
        "than that: of what made a fake, that it is not known",
    )
    reads: ClassVar[frozenset[str]] = frozenset({"label", "tokens"})
    gives: ClassVar[frozenset[OutputName]] = frozenset({"logits", _ANSWER, _IMAGE, _TEXT})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        _ANSWER: ("batch",),
        _IMAGE: ("batch", "contrast"),
        _TEXT: ("batch", "contrast"),
    }
    training_only: ClassVar[frozenset[str]] = frozenset({"project_image", "project_text"})

    use: Literal["dd-vqa"] = "dd-vqa"
    """Name of the part."""
    patch: int = Field(default=16, ge=1)
    """Side of one token's patch, pixels; must divide the image size."""
    dim: int = Field(default=768, ge=1)
    """Width of the image encoder."""
    layers: int = Field(default=12, ge=1)
    """Its blocks."""
    heads: int = Field(default=12, ge=1)
    """Its attention heads; ``dim`` must be a multiple of it."""
    text_width: int = Field(default=768, ge=1)
    """Width of text encoder and decoder."""
    text_layers: int = Field(default=12, ge=1)
    """Blocks of each."""
    text_heads: int = Field(default=12, ge=1)
    """Their attention heads; ``text_width`` must be a multiple of it."""
    contrast: int = Field(default=256, ge=1)
    """Width in which images and answers are contrasted."""
    read: Literal["head", "likelihood"] = "head"
    """Where the label is read: off a head on the question's first token, or off the likelihood of
    "the face looks real" and "the face looks fake"."""

    @model_validator(mode="after")
    def _whole_heads(self) -> Self:
        for width, heads in (("dim", "heads"), ("text_width", "text_heads")):
            got = getattr(self, width), getattr(self, heads)
            if got[0] % got[1]:
                raise ValueError(
                    f"{width} must be a multiple of {heads}, got {width} {got[0]} and {heads} "
                    f"{got[1]}"
                )
        return self

    def misfits(self, context: BuildContext) -> Iterable[Misfit]:
        """Patches that do not tile the image, and more levels than there are questions."""
        if context.image_size % self.patch:
            yield Misfit(
                "patch",
                f"patches of {self.patch} pixels do not divide an image of {context.image_size}; "
                "change it or preprocessing.size",
            )
        if context.sentences > _LEVELS:
            yield Misfit(
                "", f"there are {_LEVELS} questions, and prompts of {context.sentences} sentences"
            )

    def build(self, context: BuildContext) -> Network:
        """Make the network."""
        from mfclip_baselines.ddvqa import DdVqa as Network
        from mfclip_baselines.ddvqa import configurations

        vision, text = configurations(
            context.image_size,
            patch=self.patch,
            width=self.dim,
            layers=self.layers,
            heads=self.heads,
            text_width=self.text_width,
            text_layers=self.text_layers,
            text_heads=self.text_heads,
        )
        return Network(vision, text, contrast=self.contrast, read=self.read)


class AnswerLikelihood(Loss):
    """Language modelling of the answers that ``dd-vqa`` is to give."""

    paper: ClassVar[str] = _PAPER
    needs: ClassVar[frozenset[OutputName]] = frozenset({_ANSWER})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {_ANSWER: ("batch",)}

    use: Literal["answer-likelihood"] = "answer-likelihood"
    """Name of the part."""

    def build(self, context: BuildContext) -> LikelihoodModule:
        """Make the loss."""
        from mfclip_baselines.ddvqa import AnswerLikelihood as LikelihoodModule

        return LikelihoodModule()


class ImageContrastive(Loss):
    """Images of one label near each other, those of the other far away."""

    paper: ClassVar[str] = _PAPER
    needs: ClassVar[frozenset[OutputName]] = frozenset({_IMAGE})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {_IMAGE: ("batch", 8)}

    use: Literal["image-contrastive"] = "image-contrastive"
    """Name of the part."""
    temperature: float = Field(default=0.07, gt=0)
    """Cosines are divided by it."""

    def build(self, context: BuildContext) -> LabelContrast:
        """Make the loss."""
        from mfclip_baselines.ddvqa import LabelContrast

        return LabelContrast(_IMAGE, self.temperature)


class TextContrastive(Loss):
    """Images near the answers that are of their label, far from the others."""

    paper: ClassVar[str] = _PAPER
    needs: ClassVar[frozenset[OutputName]] = frozenset({_IMAGE, _TEXT})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        _IMAGE: ("batch", 8),
        _TEXT: ("batch", 8),
    }

    use: Literal["text-contrastive"] = "text-contrastive"
    """Name of the part."""
    temperature: float = Field(default=0.07, gt=0)
    """Cosines are divided by it."""

    def build(self, context: BuildContext) -> LabelContrast:
        """Make the loss."""
        from mfclip_baselines.ddvqa import LabelContrast

        return LabelContrast(_TEXT, self.temperature)
