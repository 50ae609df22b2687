"""Sample pair attention on a CLIP model that already exists; two lines, and nothing to subclass.

    from mfclip_spa import attach
    attach(model, max_batch=64)      # before the optimiser is made

The gate becomes a sub-module ``spa`` of the model. So its weights go wherever the model's go: to
the device, the optimiser, DDP, ``state_dict`` and ``save_pretrained``. It acts while the model
trains or when a loss is asked for; a model in ``eval`` that is asked for embeddings or logits
gives what it gave before, since the paper runs SPA in training only.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from torch import Tensor, nn

from mfclip_spa.adapters.attached import AttachedGate
from mfclip_spa.adapters.for_open_clip import NameThePrompts
from mfclip_spa.adapters.for_transformers import GateTheLogits
from mfclip_spa.blocks import refuse_two_directions
from mfclip_spa.gate import Place
from mfclip_spa.persistence import HEADER, read_gate

NAME = "spa"
"""Attribute under which a model holds its gate, and prefix of its weights."""
SETTINGS = HEADER
"""Key of a transformers configuration that holds the gate's settings."""


class Attachment:
    """A model and its gate. As a context manager it detaches at the end."""

    def __init__(self, model: nn.Module, gate: AttachedGate) -> None:
        self.model = model
        self.gate = gate

    def detach(self) -> None:
        """Give the model back as it was."""
        detach(self.model)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.detach()


def attach(
    model: nn.Module,
    max_batch: int | None = None,
    *,
    prompts: Tensor | None = None,
    features: int | None = None,
    rank: int = 8,
    gate: Place = "logits",
    per_direction: bool = False,
    initial_gate: float = 0.98,
    weights: str | Path | None = None,
) -> Attachment:
    """Put a gate on a model of transformers or open_clip.

    transformers: any model whose output has ``logits_per_image`` and ``logits_per_text``
    (CLIPModel, SiglipModel, BlipModel, AltCLIPModel, ChineseCLIPModel). Its logits and its loss
    are gated. open_clip: give the gate to :class:`SpaClipLoss` or :class:`SpaSigLipLoss` too,
    since open_clip computes its logits in the loss.

    Args:
        model: The model itself, before it is wrapped by DDP, FSDP or ``torch.compile``.
        max_batch: A is indexed by the place in the batch, for up to so many pairs (the paper).
        prompts: A is indexed by text: the token ids of the K distinct texts, (K, length), padded
            as the texts in training are. A pair's class is found by its text.
        features: A is made of the embeddings, so many numbers wide.
        rank: r, the rank of an A made of embeddings.
        gate: Where σ(A) acts; see :class:`PairGate`.
        per_direction: An A for image to text and another for text to image.
        initial_gate: σ(A) at the start. Near 1, because the model's similarities are worth
            keeping; a model that trains from scratch learns faster from 0.5.
        weights: A file of :func:`save_gate`, or a folder of ``save_pretrained`` of a model with
            a gate. The form of the gate then comes from there.

    Raises:
        TypeError: the model is none that this library knows how to gate.
        ValueError: it has a gate already, or was saved with one that is not asked for here; or
            the arguments do not name one form of A, or one that the model's loss has no use for.
    """
    _refuse_gated(model)
    hook = _hook_for(model)
    if weights is not None:
        pair_gate = read_gate(Path(weights), AttachedGate)
    else:
        pair_gate = AttachedGate(
            max_batch,
            prompts=prompts,
            features=features,
            rank=rank,
            gate=gate,
            per_direction=per_direction,
            initial_gate=initial_gate,
        )
        _refuse_to_forget(model)
    if isinstance(hook, GateTheLogits) and getattr(model, "logit_bias", None) is not None:
        refuse_two_directions(pair_gate)
    return _join(model, pair_gate, hook)


def detach(model: nn.Module) -> None:
    """Take the gate off again. The model's outputs are then bit for bit what they were.

    Raises:
        ValueError: the model has no gate.
    """
    if not isinstance(getattr(model, NAME, None), AttachedGate):
        raise ValueError(f"{type(model).__name__} has no sample pair attention to detach")
    delattr(model, NAME)
    for key, hook in list(model._forward_hooks.items()):
        if isinstance(hook, GateTheLogits | NameThePrompts):
            del model._forward_hooks[key]
            model._forward_hooks_with_kwargs.pop(key, None)
    config = getattr(model, "config", None)
    if hasattr(config, SETTINGS):
        delattr(config, SETTINGS)


def _join(model: nn.Module, gate: AttachedGate, hook: Any) -> Attachment:
    scale = model.logit_scale
    assert isinstance(scale, Tensor)
    model.add_module(NAME, gate.to(device=scale.device, dtype=scale.dtype))
    model.register_forward_hook(hook, with_kwargs=True)
    config = getattr(model, "config", None)
    if config is not None:
        setattr(config, SETTINGS, gate.settings)
    return Attachment(model, gate)


def _refuse_gated(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"attach takes a torch.nn.Module, received {type(model).__name__}")
    if isinstance(getattr(model, NAME, None), AttachedGate):
        raise ValueError(
            f"this {type(model).__name__} has sample pair attention already; "
            "detach(model) first to change its form"
        )
    if hasattr(model, NAME):
        raise TypeError(f"this {type(model).__name__} has an attribute '{NAME}' of its own")


def _is_wrapped(model: nn.Module) -> bool:
    """By DDP or FSDP (module), torch.compile (_orig_mod), or sharded in place (device_mesh)."""
    inside = (getattr(model, "module", None), getattr(model, "_orig_mod", None))
    sharded = any(hasattr(parameter, "device_mesh") for parameter in model.parameters())
    return sharded or any(isinstance(inner, nn.Module) for inner in inside)


def _refuse_to_forget(model: nn.Module) -> None:
    """A model from a checkpoint with a gate must not start over with a new one unseen."""
    if getattr(getattr(model, "config", None), SETTINGS, None) is not None:
        raise ValueError(
            f"this {type(model).__name__} was saved with sample pair attention: pass "
            "weights=<its folder> to go on with that gate, or `del model.config."
            f"{SETTINGS}` to start a new one"
        )


def _hook_for(model: nn.Module) -> GateTheLogits | NameThePrompts:
    """What makes this library's model use a gate; refuses models without one similarity."""
    if _is_wrapped(model):
        raise TypeError(
            f"{type(model).__name__} wraps a model; attach to the model inside, then wrap it, "
            "so that the gate's weights are trained with the others"
        )
    if isinstance(getattr(model, "logit_scale", None), Tensor):
        if callable(getattr(model, "get_image_features", None)):
            return GateTheLogits()
        if callable(getattr(model, "encode_image", None)):
            return NameThePrompts()
    raise TypeError(
        f"{type(model).__name__} is no contrastive image-text model that attach knows: it needs a "
        "`logit_scale`, and `get_image_features` (transformers) or `encode_image` (open_clip). "
        "For other code use SamplePairAttention or spa_loss on its embeddings"
    )
