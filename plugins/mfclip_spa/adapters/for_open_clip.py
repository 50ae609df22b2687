"""Losses in the place of open_clip's own, with a gate. open_clip itself is not imported."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor, nn

from mfclip_spa.adapters.attached import AttachedGate
from mfclip_spa.blocks import Direction, Kind, refuse_two_directions
from mfclip_spa.gate import PairGate
from mfclip_spa.gather import gather_rows, world
from mfclip_spa.pairs import Side
from mfclip_spa.similarity import at_least_float32, no_autocast


class NameThePrompts:
    """Forward hook: adds ``prompt``, the class of each text, to the model's outputs.

    open_clip hands its model's outputs on to the loss by name, so this is how the loss learns
    the classes, gradient accumulation included.
    """

    def __call__(
        self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> Any:
        """The outputs, with the classes where the gate is indexed by text."""
        gate = model.spa
        assert isinstance(gate, AttachedGate)
        given = inspect.signature(type(model).forward).bind_partial(model, *args, **kwargs)
        text = given.arguments.get("text")
        if gate.known is None or text is None:
            return output
        if not isinstance(output, dict):
            raise TypeError(
                "a gate indexed by text needs the model's outputs by name; make the model with "
                "output_dict=True, as open_clip's own training does"
            )
        return output | {"prompt": gate.class_of(text)}


class _SpaLoss(nn.Module):
    """What both losses share: sides, gathering, blocks."""

    kind: ClassVar[Kind]

    def __init__(
        self,
        model: nn.Module,
        local_loss: bool = False,
        gather_with_grad: bool = False,
        cache_labels: bool = False,
        rank: int = 0,
        world_size: int = 1,
        use_horovod: bool = False,
        *,
        chunk: int | None = None,
    ) -> None:
        super().__init__()
        if use_horovod:
            raise ValueError("horovod is not supported; start the processes with torchrun")
        if world_size > 1 and (rank, world_size) != world():
            raise ValueError(
                f"rank {rank} of {world_size} processes, but torch.distributed says "
                f"{world()[0]} of {world()[1]}; initialise the process group first"
            )
        self.gate = _gate_of(model)
        self.local_loss = local_loss
        self.gather_with_grad = gather_with_grad
        self.rank = rank
        self.world_size = world_size
        self.chunk = chunk

    def _sides(
        self, image: Tensor, text: Tensor, prompt: Tensor | None
    ) -> tuple[Side, Side, Side, Side]:
        """Rows of images and of texts, and the images and texts that they are compared with."""
        image, text = at_least_float32(image), at_least_float32(text)
        rows = Side("image", image, prompt), Side("text", text, prompt)
        if self.world_size == 1:
            return (*rows, *rows)
        everywhere = self._everywhere(rows[0]), self._everywhere(rows[1])
        if not self.local_loss:
            return (*everywhere, *everywhere)
        start = self.rank * len(image)
        return rows[0]._replace(start=start), rows[1]._replace(start=start), *everywhere

    def _everywhere(self, side: Side) -> Side:
        features = gather_rows(
            side.features, with_grad=self.gather_with_grad, keep_own=not self.local_loss
        )
        return Side(side.role, features, None if side.prompt is None else gather_rows(side.prompt))

    def _loss(self, row: Side, column: Side, scale: Tensor, bias: Tensor | None = None) -> Tensor:
        return Direction(row, column, scale, self.gate, self.kind, bias).loss(self.chunk)


class SpaClipLoss(_SpaLoss):
    """In the place of open_clip's ``ClipLoss``: softmax both ways, gated (Eq. 7-12).

    open_clip's ``--accum-freq n`` computes the whole loss n times, each time with gradients for
    one part of the embeddings. The gate, like the ``logit_scale``, then receives n times its
    gradient; Adam does not mind.

    Args:
        model: The model that :func:`attach` was called on (also inside DDP), or the gate.
        local_loss: Each process computes the rows of its own samples only.
        gather_with_grad: Other processes' losses teach this process's embeddings too. With both
            on, what DDP averages is the gradient of the global batch. Without it the encoders
            receive 1/processes of that gradient while the gate receives all of it, and with
            ``local_loss`` alone half of the encoders' gradient is missing, as in open_clip.
        cache_labels: Taken for open_clip's sake; the labels cost nothing here.
        rank: Of this process.
        world_size: Number of processes.
        use_horovod: Refused.
        chunk: Compute so many rows at a time, to save memory.

    Raises:
        ValueError: no gate, horovod, or a process group that says otherwise.
    """

    kind: ClassVar[Kind] = "softmax"

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        logit_bias: Tensor | None = None,
        prompt: Tensor | None = None,
        output_dict: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        """Features (B, d) at unit length, 1/τ -> the loss. A bias changes nothing and is not read.

        Raises:
            ValueError: the batch does not fit the gate.
        """
        with no_autocast(image_features.device):
            images, texts, all_images, all_texts = self._sides(
                image_features, text_features, prompt
            )
            scale = at_least_float32(logit_scale)
            loss = (self._loss(images, all_texts, scale) + self._loss(texts, all_images, scale)) / 2
        return {"contrastive_loss": loss} if output_dict else loss


class SpaSigLipLoss(_SpaLoss):
    """In the place of open_clip's ``SigLipLoss``: a sigmoid for every pair, gated.

    How the gate acts is said at :func:`mfclip_spa.blocks.sigmoid_loss`. Arguments and errors are
    those of :class:`SpaClipLoss`; every process computes the rows of its own images, so
    ``local_loss`` is always on, and so is ``gather_with_grad``.
    """

    kind: ClassVar[Kind] = "sigmoid"

    def __init__(self, model: nn.Module, *args: Any, **options: Any) -> None:
        super().__init__(model, *args, **options)
        self.local_loss = self.gather_with_grad = True
        refuse_two_directions(self.gate)

    def forward(
        self,
        image_features: Tensor,
        text_features: Tensor,
        logit_scale: Tensor,
        logit_bias: Tensor | None = None,
        prompt: Tensor | None = None,
        output_dict: bool = False,
    ) -> Tensor | dict[str, Tensor]:
        """Features (B, d) at unit length, 1/τ and the bias -> the loss.

        Raises:
            ValueError: the batch does not fit the gate.
        """
        with no_autocast(image_features.device):
            images, _, _, all_texts = self._sides(image_features, text_features, prompt)
            loss = self._loss(images, all_texts, at_least_float32(logit_scale), logit_bias)
        return {"contrastive_loss": loss} if output_dict else loss


def _gate_of(model: nn.Module) -> PairGate:
    inner = getattr(model, "module", model)
    gate = inner if isinstance(inner, PairGate) else getattr(inner, "spa", None)
    if isinstance(gate, PairGate):
        return gate
    raise ValueError(
        f"{type(inner).__name__} has no sample pair attention; call attach(model, …) first, "
        "before the optimiser is made"
    )
