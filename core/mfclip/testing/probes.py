"""How a built module of each kind is fed, and how its results are read as named tensors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ClassVar

from torch import Tensor

from mfclip.detector.outputs import Outputs
from mfclip.parts import (
    Alignment,
    BuildContext,
    Detector,
    Loss,
    Part,
    TextEncoder,
)
from mfclip.testing import inputs
from mfclip.testing.faults import Fault
from mfclip.testing.simulated import changed, outputs_for

WIDTH = 16
"""d of the embeddings that alignments and losses are fed."""


class Probe(ABC):
    """One kind's way in and out. B is the batch."""

    batch: ClassVar[int] = 3
    """B of most checks: not a power of two, and small."""

    def __init__(self, part: Any, context: BuildContext) -> None:
        self.part = part
        self.context = context

    @abstractmethod
    def inputs(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """Arguments of a forward pass over ``batch`` samples."""

    @abstractmethod
    def read(self, result: object) -> dict[str, object]:
        """The named results of a forward pass, not yet checked."""

    @abstractmethod
    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """The shape that each result must have."""

    def run(self, module: Callable[..., object], arguments: tuple[Any, ...]) -> dict[str, Tensor]:
        """Forward pass. Raises :class:`Fault` for results of another type or shape."""
        results = self.read(module(*arguments, **self.beside(module, arguments)))
        batch = self.size(arguments)
        checked = {}
        for name, shape in self.shapes(batch).items():
            value = results.get(name)
            if not isinstance(value, Tensor) or tuple(value.shape) != shape:
                raise Fault(
                    f"wrong {name} for {batch} samples",
                    received=described(value),
                    expected=f"a tensor of shape {shape}",
                )
            checked[name] = value
        return checked

    def beside(self, module: object, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """Keyword arguments: what the part reads beside its arguments, as far as it is there."""
        return {}

    def halved(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """The arguments as they come under bf16 autocast, from other parts that run under it."""
        return arguments

    def size(self, arguments: tuple[Any, ...]) -> int:
        """B of some arguments."""
        return len(arguments[0])


class ImageProbe(Probe):
    """Images (B, 3, H, W) -> embeddings (B, d)."""

    def inputs(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """Pictures of the context's size, or clips of them."""
        frames = self.context.frames if self.part.clips else None
        return (inputs.samples(batch or self.batch, self.context.image_size, frames, seed),)

    def beside(self, module: object, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """Inputs beside the images; while the module trains the truth as well."""
        training = bool(getattr(module, "training", False))
        return inputs.beside(arguments[0], self.part, self.context, truth=training)

    def read(self, result: object) -> dict[str, object]:
        """The embedding."""
        return {"embedding": result}

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """(B, d), d the width that the schema states."""
        return {"embedding": (batch, self.part.width)}


class TextProbe(ImageProbe):
    """Tokens (K, S, L) -> embeddings (K, d)."""

    def beside(self, module: object, arguments: tuple[Any, ...]) -> dict[str, Any]:
        """Nothing: text is all it reads."""
        return {}

    def inputs(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """Token rows of the context's number of sentences."""
        tokeniser = self.part.tokeniser()
        return (inputs.tokens(batch or self.batch, self.context.sentences, seed, tokeniser),)


class DetectorProbe(ImageProbe):
    """Images (B, 3, H, W) -> logits (B, 2), alone or inside :class:`Outputs`."""

    def read(self, result: object) -> dict[str, object]:
        """The logits."""
        return {"logits": result.logits if isinstance(result, Outputs) else result}

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """(B, 2)."""
        return {"logits": (batch, 2)}


class AlignmentProbe(Probe):
    """Visual (B, d), text (B, d), prompt index (B,) -> v2l and l2v, both (B, B)."""

    def inputs(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """Embeddings and prompt numbers below the context's K."""
        count = min(batch or self.batch, self.context.batch_size)
        visual = inputs.embeddings(count, WIDTH, 2 * seed)
        text = inputs.embeddings(count, WIDTH, 2 * seed + 1)
        return visual, text, inputs.prompt_rows(count, self.context.prompts)

    def halved(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Embeddings in bfloat16."""
        visual, text, prompt = arguments
        return visual.bfloat16(), text.bfloat16(), prompt

    def read(self, result: object) -> dict[str, object]:
        """Both matrices."""
        return {name: getattr(result, name, None) for name in ("v2l", "l2v")}

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """(B, B) each."""
        return dict.fromkeys(("v2l", "l2v"), (batch, batch))


class LossProbe(Probe):
    """Outputs and targets -> a scalar. Only the outputs that the loss needs are there."""

    def inputs(self, batch: int | None = None, seed: int = 0) -> tuple[Any, ...]:
        """Simulated outputs; logits that the loss does not need are NaN."""
        count = batch or self.batch
        targets = inputs.targets(count, self.part, self.context)
        return outputs_for(self.part.needs, count, WIDTH, seed, shapes=self.part.shapes), targets

    def halved(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Outputs in bfloat16."""
        outputs, targets = arguments
        return changed(outputs, Tensor.bfloat16), targets

    def read(self, result: object) -> dict[str, object]:
        """The loss."""
        return {"loss": result}

    def shapes(self, batch: int) -> dict[str, tuple[int, ...]]:
        """A scalar."""
        return {"loss": ()}

    def size(self, arguments: tuple[Any, ...]) -> int:
        """B of the outputs."""
        return len(arguments[0].logits)


def probe_of(part: Part, context: BuildContext) -> Probe:
    """The probe of a part's kind."""
    match part:
        case TextEncoder():
            return TextProbe(part, context)
        case Detector():
            return DetectorProbe(part, context)
        case Alignment():
            return AlignmentProbe(part, context)
        case Loss():
            return LossProbe(part, context)
    return ImageProbe(part, context)


def described(value: object) -> str:
    """A value as messages show it."""
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        return f"a tensor of shape {tuple(value.shape)}, {kind}"
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def leaves(value: object) -> list[Tensor]:
    """Every tensor inside arguments or results, in a fixed order."""
    if isinstance(value, Tensor):
        return [value]
    if is_dataclass(value):
        return [t for field in fields(value) for t in leaves(getattr(value, field.name))]
    if isinstance(value, Mapping):
        return [tensor for inner in value.values() for tensor in leaves(inner)]
    if isinstance(value, list | tuple):
        return [tensor for inner in value for tensor in leaves(inner)]
    return []
