"""VLFFD and its loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from mfclip.parts import BuildContext, Loss, Origin, OutputName
from mfclip_baselines.schemas.clip import OnClip

if TYPE_CHECKING:
    from mfclip_baselines.vlffd import CoarseAndFine as Objective
    from mfclip_baselines.vlffd import Vlffd as Network

_TERMS = ("vlffd.coarse-text", "vlffd.fine-label", "vlffd.fine-text")


class Vlffd(OnClip):
    """Sentences that say where and how a face was changed (Sun et al., CVPR 2025).

    The defaults are CLIP ViT-B/16, all of which learns. Reads ``counterpart``, ``has-counterpart``
    and ``forgery-mask`` in training. No boxes of eyes, nose and mouth are known: they are where a
    picture that shows a face and little else has them.
    """

    origin: ClassVar[Origin] = Origin(
        paper="Sun et al., Towards general visual-linguistic face forgery detection, CVPR 2025, "
        "arXiv 2307.16545",
        read="PFIG mixes a fake with its photo in regions of the face and writes a sentence that "
        "names region and type of the change; C2F trains one network on original images with "
        "sentences for real and fake, and on mixed ones with theirs; image and text encoder as of "
        "CLIP",
        inferred="the mask is where fake and photo differ, cut to the region, with a soft edge; "
        "the type is whichever of channel means, high-frequency energy and edges differs most; "
        "cross-entropy on both halves plus contrast of images with sentences on both",
        unknown="types, thresholds, weights (1), schedule, backbone (ViT-B/16)",
        supervision="labels, photos that fakes were made from",
        without="an image without a photo is blended with a jittered copy of itself",
    )
    paper: ClassVar[str] = "IV-A, Table V"
    reads: ClassVar[frozenset[str]] = frozenset(
        {"label", "counterpart", "has-counterpart", "forgery-mask"}
    )
    gives: ClassVar[frozenset[OutputName]] = frozenset({"logits", *_TERMS})
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = {
        **dict.fromkeys(_TERMS, ("batch",)),
        "counterpart": ("batch", 3, "h", "w"),
        "has-counterpart": ("batch", 1),
        "forgery-mask": ("batch", 1, "h", "w"),
    }
    training_only: ClassVar[frozenset[str]] = frozenset({"text"})

    use: Literal["vlffd"] = "vlffd"
    """Name of the part."""

    def build(self, context: BuildContext) -> Network:
        """Make the network.

        Raises:
            RecipeError: the file does not hold the weights of the towers that it is for.
        """
        from mfclip_baselines.vlffd import Vlffd as Network

        return Network(self.towers(context).requires_grad_(), self.dim)


class CoarseAndFine(Loss):
    """What VLFFD adds to ``cross-entropy``: labels of mixed images, sentences of both halves."""

    paper: ClassVar[str] = "IV-A, Table V"
    needs: ClassVar[frozenset[OutputName]] = frozenset(_TERMS)
    shapes: ClassVar[Mapping[str, tuple[str | int, ...]]] = dict.fromkeys(_TERMS, ("batch",))

    use: Literal["coarse-and-fine"] = "coarse-and-fine"
    """Name of the part."""
    text: float = Field(default=1.0, ge=0)
    """Factor of both terms that compare images with sentences."""

    def build(self, context: BuildContext) -> Objective:
        """Make the loss."""
        from mfclip_baselines.vlffd import CoarseAndFine as Objective

        return Objective(self.text)
