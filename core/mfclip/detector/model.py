"""The detector that is assembled: vision and text encoders with an alignment.

Shape letters: B images, K distinct prompts of the data, S sentences a prompt, d the width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from mfclip.detector.base import DetectorModule, Pass
from mfclip.detector.contracts import expect_similarity, expect_tensor
from mfclip.detector.head import Head
from mfclip.detector.outputs import Outputs
from mfclip.detector.protocols import Similarity
from mfclip.detector.reading import select
from mfclip.ranks.shares import drawing_alike, gather


class VisionLanguageDetector(DetectorModule):
    """Vision encoder and head, with a text side that exists for training only (Eq. 1-3).

    Parameters
    ----------
    vision
        Images (B, 3, H, W), float 0-1, RGB -> X_v (B, ``width``).
    width
        d of ``vision``.
    head
        X_v (B, ``width``) -> logits (B, 2); a fresh :class:`Head` by default.
    text
        Tokens (K, S, L) -> T_l (K, ``text_width``). Needs ``tokens``.
    tokens
        (K, S, L): the prompt table. Not part of the state: it is kept as text in the bundle.
    alignment
        X_v (B, d), T_l (B, d), prompt index (B,) -> :class:`Similarity`. Needs ``text``.
    predictor
        Whether a loss reads ``predicted_text``.
    normalise
        L2-normalise X_v before head and predictor, as the published code does; the paper does
        not. The alignment always receives X_v as the encoder gave it.
    labels
        How messages name the parts: ``{"vision": ..., "vision.image": ..., "text": ...}``.
    reads
        What the vision encoder takes beside the images.
    """

    TRAINING_ONLY = ("text", "predictor", "alignment")
    """Children that only training uses (Eq. 3)."""
    tokens: Tensor | None

    def __init__(
        self,
        vision: nn.Module,
        width: int,
        *,
        head: Head | None = None,
        text: nn.Module | None = None,
        text_width: int | None = None,
        tokens: Int[Tensor, "prompts sentences tokens"] | None = None,
        alignment: nn.Module | None = None,
        predictor: bool = False,
        normalise: bool = False,
        labels: Mapping[str, str] | None = None,
        reads: Iterable[str] = (),
    ) -> None:
        super().__init__()
        if text is not None and tokens is None:
            raise ValueError("a text encoder needs the tokens of its prompts")
        self.width, self.text_width = width, text_width or width
        self.normalise = normalise
        self.labels = dict(labels or {"vision": "vision"})
        self.vision_reads = frozenset(reads)
        self.reads = self.vision_reads | ({"prompt"} if text else set())
        self.vision = vision
        self.head = head or Head(width)
        self.text = text
        self.predictor = nn.Linear(width, self.text_width) if text and predictor else None
        self.alignment = alignment if text else None
        self.register_buffer("tokens", tokens if text else None, persistent=False)

    def forward(
        self,
        images: Float[Tensor, "batch *frames 3 height width"],
        prompt: Int[Tensor, " batch"] | None = None,
        **reads: Any,
    ) -> Outputs:
        """Logits and X_v; with ``prompt``, rows of the prompt table, the text side as well.

        Without ``prompt`` only vision encoder and head run (Eq. 3). The vision encoder is handed
        what it reads.

        Raises
        ------
        PluginError
            Where an encoder or the alignment returns another shape than it declared.
        """
        given = reads if prompt is None else {"prompt": prompt, **reads}
        visual = self._encode_images(images, select(given, self.vision_reads))
        features = F.normalize(visual, dim=-1) if self.normalise else visual
        logits = self.head(features)
        if prompt is None or self.text is None:
            return Outputs(logits=logits, visual=visual)
        text = self.encode_prompts(prompt)
        return Outputs(
            logits=logits,
            visual=visual,
            text=text,
            predicted_text=self.predictor(features) if self.predictor else None,
            similarity=self._align(visual, text, prompt),
        )

    def encode_prompts(self, prompt: Int[Tensor, " batch"]) -> Float[Tensor, "batch width"]:
        """T_l of each row of the prompt table, each distinct one encoded once and gathered.

        A batch of one generator holds two prompts, so this is the text encoder's cost divided
        by twelve at the same values and gradients.
        """
        if self.text is None or self.tokens is None:
            raise ValueError("this detector has no text encoder")
        rows, place = torch.unique(prompt, return_inverse=True)
        text = expect_tensor(
            self.text(self.tokens[rows]),
            (len(rows), self.text_width),
            self.labels.get("text", "text"),
            "one embedding of the declared width a prompt",
        )
        return text[place]

    def scoring(self) -> VisionLanguageDetector:
        """A detector that shares vision encoder and head and has no text side."""
        visual = VisionLanguageDetector(
            self.vision,
            self.width,
            head=self.head,
            normalise=self.normalise,
            labels=self.labels,
            reads=self.vision_reads,
        )
        return visual.train(self.training)

    def parts(self) -> dict[str, nn.Module]:
        """Both encoders and the alignment, and each part within them that has a label."""
        inside = dict(self.named_modules())
        paths = dict.fromkeys(("vision", "text", "alignment", *self.labels))
        return {path: inside[path] for path in paths if path in inside}

    def passes(
        self,
        sample: Float[Tensor, "1 *frames 3 size size"],
        prompts: int,
        batch: int,
        beside: Mapping[str, Tensor],
    ) -> Iterator[Pass]:
        """Vision encoder, text encoder, alignment, head and predictor."""
        yield Pass("vision", self.vision, (sample,), "image", select(beside, self.vision_reads))
        if self.text is not None and self.tokens is not None:
            rows = torch.arange(prompts, device=self.tokens.device) % len(self.tokens)
            yield Pass("text", self.text, (self.tokens[rows],), "step")
        if self.alignment is not None and self.tokens is not None:
            pairs = torch.ones(batch, self.width), torch.ones(batch, self.text_width)
            row = torch.arange(batch) % min(prompts, len(self.tokens))
            yield Pass("alignment", self.alignment, (*pairs, row), "step")
        yield Pass("head", self.head, (torch.zeros(1, self.width),), "image")
        if self.predictor is not None:
            yield Pass("predictor", self.predictor, (torch.zeros(1, self.width),), "image")

    def pairs(
        self,
        images: Float[Tensor, "batch *frames 3 height width"],
        prompt: Int[Tensor, " batch"],
        **reads: Any,
    ) -> tuple[Float[Tensor, "batch d"], Float[Tensor, "batch d"]] | None:
        """X_v and T_l of any number of pairs; None without a text encoder."""
        if self.text is None:
            return None
        given = select(reads, self.vision_reads)
        return self._encode_images(images, given), self.encode_prompts(prompt)

    def _encode_images(
        self, images: Float[Tensor, "batch *frames 3 height width"], reads: Mapping[str, Any]
    ) -> Float[Tensor, "batch width"]:
        return expect_tensor(
            self.vision(images, **reads),
            (len(images), self.width),
            self.labels["vision"],
            "one embedding of the declared width an image",
        )

    def _align(
        self,
        visual: Float[Tensor, "batch width"],
        text: Float[Tensor, "batch width"],
        prompt: Int[Tensor, " batch"],
    ) -> Similarity | None:
        if self.alignment is None:
            return None
        visual, text, prompt = gather(visual), gather(text), gather(prompt)
        with drawing_alike():
            similarity = self.alignment(visual, text, prompt)
        expect_similarity(similarity, len(visual), self.labels.get("alignment", "alignment"))
        return cast("Similarity", similarity)
