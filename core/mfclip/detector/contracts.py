"""What the detector checks of the parts inside it, once a forward pass, and how it says so.

Only shapes known without reading a value are compared, so the checks cost no synchronisation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor

from mfclip.detector.outputs import Outputs
from mfclip.errors import PluginError
from mfclip.output_names import Shape
from mfclip.parts import Part
from mfclip.plugins.owners import owner_of
from mfclip.ranks.shares import rows_of_all


def label_of(path: str, part: Part) -> str:
    """How messages name a part: its place in the recipe, its name, whose it is, and its class."""
    schema = type(part)
    owner, place = owner_of(schema), f"{schema.__module__}.{schema.__qualname__}"
    named = f"{path}: {part.kind} {part.use!r}"
    if owner is None:
        return f"{named} ({place})"
    return f"{named} of plugin '{owner.name}' ({owner.distribution} {owner.version}, {place})"


def expect_tensor(value: object, shape: tuple[int, ...], label: str, meaning: str) -> Tensor:
    """``value``, a tensor of ``shape``; otherwise :class:`PluginError` naming ``label``."""
    if isinstance(value, Tensor) and tuple(value.shape) == shape:
        return value
    raise PluginError(
        f"{label} returned {_received(value)}; expected a tensor of shape {shape}: {meaning}. "
        "Report it to the plugin's author, or take another part."
    )


def expect_similarity(value: object, batch: int, label: str) -> None:
    """Check that an alignment gave two (B, B) matrices and said whether they are logits."""
    for name in ("v2l", "l2v"):
        matrix = getattr(value, name, None)
        expect_tensor(matrix, (batch, batch), f"{label}, {name},", "one row and column a pair")
    if not isinstance(getattr(value, "normalised", None), bool):
        raise PluginError(
            f"{label} returned {_received(value)} without a bool `normalised`; "
            "see mfclip.detector.protocols.Similarity."
        )


def expect_outputs(value: object, batch: int, label: str) -> Outputs:
    """``value`` as :class:`Outputs`: plain logits (B, 2) are wrapped."""
    outputs = value if isinstance(value, Outputs) else None
    logits = outputs.logits if outputs else value
    checked = expect_tensor(logits, (batch, 2), label, "logits, one row an image, real first")
    return outputs or Outputs(logits=checked)


def expect_given(outputs: Outputs, names: Iterable[str], label: str) -> None:
    """Check that the outputs that a detector promises are there; it says so in training only."""
    absent = [name for name in sorted(names) if outputs.get(name) is None]
    if absent:
        raise PluginError(
            f"{label} gave no {', '.join(map(repr, absent))} in training, which its `gives` "
            "names. Report it to the plugin's author, or take another part."
        )


def expect_shapes(outputs: Outputs, shapes: Mapping[str, Shape], batch: int, label: str) -> None:
    """Check the outputs of its own that a detector gave against the shapes it declares.

    Sizes that are words other than ``batch`` may be anything. One that begins with ``batch`` twice
    compares every row with every other, those of other processes too.
    """
    for name, shape in shapes.items():
        value = outputs.extra.get(name)
        if value is None:
            continue
        rows = rows_of_all(batch) if compares_rows(shape) else batch
        wanted = [rows if size == "batch" else size for size in shape]
        fits = value.ndim == len(wanted) and all(
            isinstance(size, str) or size == found
            for size, found in zip(wanted, value.shape, strict=True)
        )
        if not fits:
            told = ", ".join(map(str, wanted))
            raise PluginError(
                f"{label} gave {name!r} as {_received(value)}; its `shapes` says ({told}). "
                "Report it to the plugin's author, or take another part."
            )


def compares_rows(shape: Shape) -> bool:
    """Whether an output of that shape has one row and one column for each image of the batch."""
    return tuple(shape[:2]) == ("batch", "batch")


def _received(value: object) -> str:
    if isinstance(value, Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return f"a value of type {type(value).__name__}"
