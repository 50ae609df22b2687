"""Gating what a contrastive model of transformers gives."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mfclip_spa.adapters.attached import AttachedGate
from mfclip_spa.blocks import sigmoid_loss
from mfclip_spa.contrastive import contrastive_loss
from mfclip_spa.pairs import FeaturePairs, PromptPairs, Side
from mfclip_spa.similarity import Similarity, at_least_float32, no_autocast


class GateTheLogits:
    """Forward hook: gates ``logits_per_image``, ``logits_per_text`` and, where asked for, the loss.

    It holds no reference to a model, so copies of the model have gates of their own.
    """

    def __call__(
        self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> Any:
        """The output with the gate applied; unchanged in eval mode without a loss."""
        gate = model.spa
        assert isinstance(gate, AttachedGate)
        parts = _read(output, type(model).__name__)
        if not model.training and parts["loss"] is None:
            return output
        with no_autocast(parts["logits_per_image"].device):
            image, text = _sides(gate, model, args, kwargs, parts)
            bias = getattr(model, "logit_bias", None)
            if bias is None:
                new = _softmax(gate, parts, image, text)
            else:
                new = _sigmoid(gate, parts, image, text, bias)
        if parts["loss"] is None:
            del new["loss"]
        return _write(output, parts, new)


def _softmax(
    gate: AttachedGate, parts: Mapping[str, Tensor], image: Side, text: Side
) -> dict[str, Tensor]:
    """CLIP's loss and logits. A gate on the softmax leaves the logits what they are."""
    v2l, l2v = (at_least_float32(parts[name]) for name in LOGITS)
    similarity: Similarity = gate.both_ways(v2l, l2v, image, text)
    return {"loss": contrastive_loss(similarity)} | _logits(gate, parts, similarity)


def _sigmoid(
    gate: AttachedGate, parts: Mapping[str, Tensor], image: Side, text: Side, bias: Tensor
) -> dict[str, Tensor]:
    """SigLIP's loss and logits: the gate acts on the similarity, the bias stays outside."""
    logits = at_least_float32(parts["logits_per_image"])
    outside = at_least_float32(bias)
    weights = gate.weights(image, text)
    answers = torch.arange(len(logits), device=logits.device)
    loss = sigmoid_loss(logits - outside, weights, answers, gate.gate, outside) / len(logits)
    v2l = (logits - outside) * weights.sigmoid() + outside
    return {"loss": loss} | _logits(gate, parts, Similarity(v2l, v2l.T))


def _logits(
    gate: AttachedGate, parts: Mapping[str, Tensor], similarity: Similarity
) -> dict[str, Tensor]:
    if gate.gate == "softmax":
        return {}
    dtype = parts["logits_per_image"].dtype
    return {LOGITS[0]: similarity.v2l.to(dtype), LOGITS[1]: similarity.l2v.to(dtype)}


LOGITS = ("logits_per_image", "logits_per_text")


def _sides(
    gate: AttachedGate,
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    parts: Mapping[str, Tensor],
) -> tuple[Side, Side]:
    """Images and texts of the batch, with what the gate's form needs of them."""
    shape = parts["logits_per_image"].shape
    if shape[0] != shape[1]:
        raise ValueError(
            f"sample pair attention needs one text an image, received {shape[0]} images and "
            f"{shape[1]} texts; for zero-shot scores call model.eval() and ask for no loss"
        )
    prompt = None
    if isinstance(gate.pairs, PromptPairs):
        forward = inspect.signature(type(model).forward)
        given = forward.bind_partial(model, *args, **kwargs).arguments
        prompt = gate.class_of(given["input_ids"])
    if isinstance(gate.pairs, FeaturePairs):
        image, text = (
            F.normalize(at_least_float32(parts[name]), dim=-1)
            for name in ("image_embeds", "text_embeds")
        )
    else:
        image = text = parts["logits_per_image"]  # only its length is read
    return Side("image", image, prompt), Side("text", text, prompt)


ORDER = ("logits_per_image", "logits_per_text", "text_embeds", "image_embeds")
"""Of a plain tuple, after the loss. BLIP and CLIP agree."""


def _read(output: Any, model: str) -> dict[str, Any]:
    """Loss, logits and embeddings by name, from an output object or a plain tuple."""
    if isinstance(output, tuple) and len(output) >= 4 and isinstance(output[0], Tensor):
        loss, rest = (output[0], output[1:]) if output[0].ndim == 0 else (None, output)
        return {"loss": loss, **dict(zip(ORDER, rest, strict=False))}
    parts = {name: getattr(output, name, None) for name in ("loss", *ORDER)}
    if any(parts[name] is None for name in LOGITS):
        raise TypeError(
            f"the output of {model} has no logits_per_image and logits_per_text, so sample pair "
            "attention cannot act on it; detach(model), and use spa_loss on the embeddings"
        )
    return parts


def _write(output: Any, parts: Mapping[str, Any], new: Mapping[str, Tensor]) -> Any:
    if not isinstance(output, tuple):
        return dataclasses.replace(output, **new)
    names = ORDER if parts["loss"] is None else ("loss", *ORDER)
    changed = tuple(new.get(name, old) for name, old in zip(names, output, strict=False))
    return changed + output[len(names) :]
