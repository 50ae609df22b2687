"""What must be the same for a run to go on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from mfclip.compute.precision import precision_name
from mfclip.errors import UsageError
from mfclip.recipe.settings import TrainingSettings
from mfclip.training.objective import Objective
from mfclip.training.weights import frozen_tensors, module_tensors

if TYPE_CHECKING:
    from mfclip.data.manifest import Manifest
    from mfclip.data.preprocess import Preprocessor
    from mfclip.data.prompts import PromptTable

FREE = frozenset({"epochs", "patience", "workers", "checkpoint_steps", "precision"})
"""Settings that change how far or how a run goes, never what a step computes.

``precision`` is replaced by what it means on the device. Where the learning rate falls to the end
of the last epoch, ``epochs`` is not free.
"""
SGD_MOMENTUM = 0.9
"""What runs have that do not say theirs: once there was no other."""
SHOWN = 60
"""Longer texts, digests among them, are told apart by a fingerprint in messages."""


def settings_fingerprint(settings: TrainingSettings, precision: torch.dtype) -> dict[str, Any]:
    """The settings that a step depends on, by their path in the recipe."""
    free = FREE - ({"epochs"} if settings.schedule == "cosine" else set())
    values = settings.model_dump(mode="json", exclude=set(free))
    if settings.optimiser != "sgd" or settings.momentum == SGD_MOMENTUM:  # as before it was one
        del values["momentum"]
    if not settings.average:  # as before there were averages
        del values["average"]
    if settings.validation == "val":  # as before there was another
        del values["validation"]
    named = {f"training.{name}": value for name, value in values.items()}
    return {**named, "training.precision": precision_name(precision)}


def objective_fingerprint(objective: Objective) -> dict[str, Any]:
    """The terms and their weights."""
    return {
        f"loss {name}": f"weight {weight}"
        for name, weight in zip(objective.names, objective.weights, strict=True)
    }


def data_fingerprint(
    train: Manifest, val: Manifest, prompts: PromptTable | None, preprocessor: Preprocessor
) -> dict[str, Any]:
    """Both splits in their order, the prompts, the preprocessing."""
    return {
        "training split": _manifest_digest(train),
        "validation split": _manifest_digest(val),
        "prompts": _digest([prompts.to_json()]) if prompts is not None else None,
        **{
            f"preprocessing.{name}": value
            for name, value in preprocessor.settings.model_dump(mode="json").items()
            if name != "smallest"  # which images are scored changes no step
        },
        **({"data.reencode": preprocessor.reencode} if preprocessor.reencode else {}),
    }


def detector_fingerprint(detector: nn.Module) -> dict[str, Any]:
    """Names and shapes of the weights that train, and a hash over those that do not."""
    shapes = (f"{name} {tuple(value.shape)}" for name, value in module_tensors(detector).items())
    held = frozen_tensors(detector)
    frozen = {"frozen weights": _content(held)} if held else {}
    return {"detector's weights": _digest(sorted(shapes)), **frozen}


def _content(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over tensors that checkpoints refer to and do not hold."""
    digest = hashlib.sha256()
    for name, value in sorted(tensors.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested tables and lists as one table: dotted names, values as JSON has them."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, list | tuple):
            value = {str(place): item for place, item in enumerate(value)}
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = json.loads(json.dumps(value))
    return found


def require_same(saved: Mapping[str, Any], now: Mapping[str, Any], run: Path) -> None:
    """Raise :class:`UsageError` that lists every difference."""
    names = [name for name in {**saved, **now} if saved.get(name) != now.get(name)]
    if names:
        lines = [f"  {name}: {_show(saved, name)} there, {_show(now, name)} now" for name in names]
        raise UsageError(
            f"the run in {run} cannot go on, it was started with something else:\n"
            + ",\n".join(lines)
            + ".\nResume with what it began with, or discard it with --restart"
        )


def _show(values: Mapping[str, Any], name: str) -> str:
    value = values.get(name)
    if isinstance(value, str) and len(value) > SHOWN:
        return f"fingerprint {_digest([value])[:8]}…"
    return "nothing" if name not in values else repr(value)


def _manifest_digest(manifest: Manifest) -> str:
    """The manifest's own fingerprint leaves the order of its rows out; training depends on it."""
    return _digest([manifest.fingerprint(), *(str(row.path) for row in manifest.rows)])


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
