"""DD-VQA (Zhang et al., ECCV 2024): asked whether a face is real, and why, a BLIP answers.

Shape letters: B images, N patches, S questions, L tokens, v and t the widths of image and text, d
the width in which images and answers are contrasted. BLIP's modules are those of transformers.
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from transformers import BlipTextConfig, BlipTextModel, BlipVisionConfig, BlipVisionModel
from transformers.models.blip.modeling_blip_text import BlipTextPredictionHeadTransform

from mfclip.data.prompts import CONTEXT, ClipTokeniser
from mfclip.detector.outputs import Outputs, Targets
from mfclip_baselines.backbones import Normalise
from mfclip_baselines.clip import CLIP

QUESTIONS = (
    "does the face look real or fake?",
    "why does the face look real or fake?",
    "what kind of model made the face?",
    "which model made the face?",
)
"""One for each level of a label, coarse to fine."""
ANSWERS = ("the face looks real", "the face looks fake")
"""To the first question."""
ANSWER, IMAGE, TEXT = "dd-vqa.answer", "dd-vqa.image", "dd-vqa.text"
VOCABULARY = 49408
"""Tokens of CLIP's byte pairs; 0 stands behind a sentence."""
Reads = Literal["head", "likelihood"]
"""Where the label is read: off the multi-modal state of the first token, or off the answers."""


class DdVqa(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2), and in training what is said of each answer.

    Parameters
    ----------
    vision, text
        What transformers calls the configurations of both sides.
    contrast
        d.
    read
        See :data:`Reads`.
    """

    questions: Tensor
    answers: Tensor

    def __init__(
        self,
        vision: BlipVisionConfig,
        text: BlipTextConfig,
        *,
        contrast: int = 256,
        read: Reads = "head",
    ) -> None:
        super().__init__()
        self.read = read
        self.normalise = Normalise(*CLIP)
        self.image = BlipVisionModel(vision)
        self.asker = BlipTextModel(text, add_pooling_layer=False)
        self.answerer = BlipTextModel(text, add_pooling_layer=False)
        self.transform = BlipTextPredictionHeadTransform(text)
        self.head = nn.Linear(text.hidden_size, 2)
        self.project_image = nn.Linear(vision.hidden_size, contrast)
        self.project_text = nn.Linear(text.hidden_size, contrast)
        self.register_buffer("questions", _tokens(QUESTIONS), persistent=False)
        self.register_buffer("answers", _tokens(ANSWERS), persistent=False)

    def forward(
        self,
        images: Float[Tensor, "batch 3 height width"],
        label: Int[Tensor, " batch"] | None = None,
        tokens: Int[Tensor, "batch sentences length"] | None = None,
    ) -> Outputs:
        """In training with labels, all questions; else the first, and what the label is read off.

        The answer to the first is of the label; those to the others are the sentences of ``tokens``
        behind the first of each.
        """
        seen = self.image(self.normalise(images)).last_hidden_state  # (B, 1 + N, v)
        asked = self._asked(seen, 0)  # (B, L, t)
        if not self.training or label is None:
            return Outputs(self._logits(asked))
        answers = [self.answers[label]]
        if tokens is not None:
            answers += [tokens[:, s] for s in range(1, tokens.shape[1])]
        told = [self._likelihood(asked, 0, answers[0])]
        told += [
            self._likelihood(self._asked(seen, s), s, answer)
            for s, answer in enumerate(answers[1:], 1)
        ]
        extra = {
            ANSWER: torch.stack(told).mean(0),
            IMAGE: self.project_image(seen[:, 0]),
            TEXT: self.project_text(self._encoded(answers[-1])[:, 0]),
        }
        return Outputs(self._logits(asked), extra=extra)

    def _logits(self, asked: Float[Tensor, "batch l t"]) -> Float[Tensor, "batch 2"]:
        if self.read == "head":
            logits: Tensor = self.head(asked[:, 0])
            return logits
        likelihoods = [
            self._likelihood(asked, 0, answer.expand(len(asked), -1)) * ((answer > 0).sum() - 1)
            for answer in self.answers
        ]
        return torch.stack(likelihoods, 1)

    def _asked(self, seen: Float[Tensor, "batch n v"], number: int) -> Float[Tensor, "batch l t"]:
        """A question, looking at the images."""
        return self._encoded(self.questions[number].expand(len(seen), -1), seen)

    def _encoded(
        self, tokens: Int[Tensor, "batch l"], seen: Float[Tensor, "batch n v"] | None = None
    ) -> Float[Tensor, "batch l t"]:
        found: Tensor = self.asker(
            tokens, attention_mask=(tokens > 0).long(), encoder_hidden_states=seen
        ).last_hidden_state
        return found

    def _likelihood(
        self, asked: Float[Tensor, "batch l t"], number: int, answer: Int[Tensor, "batch m"]
    ) -> Float[Tensor, " batch"]:
        """Mean log-probability of an answer's tokens, each given the question and those before."""
        question = self.questions[number].expand(len(asked), -1)
        answer = answer[:, : int((answer > 0).sum(1).max())]
        states = self.answerer(
            answer,
            attention_mask=(answer > 0).long(),
            encoder_hidden_states=asked,
            encoder_attention_mask=(question > 0).long(),
            is_decoder=True,
            use_cache=False,
        ).last_hidden_state  # (B, m, t)
        words = self.answerer.embeddings.word_embeddings.weight
        logits = functional.linear(self.transform(states[:, :-1]), words)  # (B, m - 1, words)
        truth, there = answer[:, 1:], answer[:, 1:] > 0
        logs = -functional.cross_entropy(logits.float().mT, truth, reduction="none")
        return (logs * there).sum(1) / there.sum(1)


def _tokens(sentences: tuple[str, ...]) -> Int[Tensor, "s l"]:
    rows = [torch.tensor(ClipTokeniser().tokens(one)) for one in sentences]
    return nn.utils.rnn.pad_sequence(rows, batch_first=True)


def configurations(
    image_size: int,
    *,
    patch: int,
    width: int,
    layers: int,
    heads: int,
    text_width: int,
    text_layers: int,
    text_heads: int,
) -> tuple[BlipVisionConfig, BlipTextConfig]:
    """Of both sides. Weights are drawn with BERT's deviation of 0.02 on both."""
    vision = BlipVisionConfig(
        hidden_size=width, intermediate_size=4 * width, num_hidden_layers=layers,
        num_attention_heads=heads, image_size=image_size, patch_size=patch, initializer_range=0.02,
    )  # fmt: skip
    text = BlipTextConfig(
        vocab_size=VOCABULARY, hidden_size=text_width, encoder_hidden_size=width,
        intermediate_size=4 * text_width, num_hidden_layers=text_layers,
        num_attention_heads=text_heads, max_position_embeddings=CONTEXT,
    )  # fmt: skip
    return vision, text


class AnswerLikelihood(nn.Module):
    """Language modelling: minus the mean log-probability of the answers' tokens."""

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """In nats a token."""
        return -outputs.extra[ANSWER].float().mean()


class LabelContrast(nn.Module):
    """Images beside images, or beside answers: those of one label near, others far.

    The log of the share that each alike one has of the softmax, mean over the alike ones of each
    image that has any (Khosla et al. 2020, Eq. 2). Beside images an image is not compared with
    itself.
    """

    def __init__(self, others: str, temperature: float) -> None:
        super().__init__()
        self.others, self.temperature = others, temperature

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """In nats; 0 where no image has another one of its label."""
        images = functional.normalize(outputs.extra[IMAGE].float(), dim=1)
        others = functional.normalize(outputs.extra[self.others].float(), dim=1)
        near = images @ others.T / self.temperature  # (B, B)
        alike = targets.label[:, None] == targets.label
        if self.others == IMAGE:
            itself = torch.eye(len(near), dtype=torch.bool, device=near.device)
            near, alike = near.masked_fill(itself, NEVER), alike & ~itself
        share = (near.log_softmax(1) * alike).sum(1)
        count = alike.sum(1)
        return -(share / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


NEVER = -1e4
"""Logit of a pair that is left out; finite, so that a batch of one has a gradient of zero."""
