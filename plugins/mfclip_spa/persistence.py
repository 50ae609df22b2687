"""A gate in a file of its own: safetensors, with its form in the header."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor

from mfclip_spa.adapters.attached import AttachedGate
from mfclip_spa.attention import SamplePairAttention
from mfclip_spa.gate import PairGate

HEADER = "mfclip_spa"
"""Key of the file's header, and of a transformers configuration, that holds the settings."""
PREFIX = "spa."
"""Of the gate's weights among those of a whole model."""
CLASSES: dict[str, type[PairGate]] = {
    cls.__name__: cls for cls in (PairGate, SamplePairAttention, AttachedGate)
}

Gate = TypeVar("Gate", bound=PairGate)


def save_gate(gate: PairGate, file: str | Path) -> None:
    """Write a gate: weights, form, and what made it. Replaces an older file in one step.

    Raises:
        ModuleNotFoundError: safetensors is not installed.
    """
    from safetensors.torch import save

    weights = {name: value.contiguous() for name, value in gate.state_dict().items()}
    settings = {"class": type(gate).__name__, **gate.settings}
    file = Path(file)
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        partial.write_bytes(save(weights, {HEADER: json.dumps(settings)}))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def load_gate(file: str | Path) -> PairGate:
    """Read a gate that :func:`save_gate` wrote, on the CPU.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file holds no gate, or its weights do not fit its form.
    """
    return read_gate(Path(file), PairGate)


def read_gate(path: Path, want: type[Gate]) -> Gate:
    """A gate from its own file, or from a folder of ``save_pretrained``.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: there is no gate in there, one of another class, or one that does not fit
            its own description.
    """
    settings, weights = _from_folder(path) if path.is_dir() else _from_file(path)
    name = settings.pop("class", AttachedGate.__name__)
    cls = CLASSES.get(name)
    if cls is None or not issubclass(cls, want):
        raise ValueError(
            f"{path} holds a {name}; wanted was {want.__name__}. Known are {', '.join(CLASSES)}"
        )
    if "known" in weights:
        settings["prompts"] = weights["known"]
    try:
        with torch.device("meta"):  # so a description that lies about sizes costs no memory
            gate = cls(**settings)
        gate.load_state_dict(weights, assign=True)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"the weights in {path} do not fit the form it names: {error}") from error
    return gate


def _from_file(file: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    header, weights = _read(file)
    if header is None:
        raise ValueError(f"{file} holds no sample pair attention; save_gate writes one")
    try:
        settings = json.loads(header)
    except json.JSONDecodeError as error:
        raise ValueError(f"the header of {file} is no JSON: {error}") from error
    return _described(settings, file), weights


def _from_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    config = folder / "config.json"
    settings = json.loads(config.read_text("utf-8")).get(HEADER) if config.is_file() else None
    weights: dict[str, Tensor] = {}
    for file in sorted(folder.glob("*.safetensors")):
        weights |= _read(file, PREFIX)[1]
    if settings is None or not weights:
        raise ValueError(
            f"{folder} holds no model with sample pair attention: "
            f"{'config.json does not name it' if settings is None else 'no weights of it'}"
        )
    return _described(settings, config), weights


def _read(file: Path, prefix: str = "") -> tuple[str | None, dict[str, Tensor]]:
    """What the header says of a gate, and the tensors whose names start with the prefix."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118
            weights = {name.removeprefix(prefix): opened.get_tensor(name) for name in names}
            return (opened.metadata() or {}).get(HEADER), weights
    except SafetensorError as error:
        raise ValueError(f"{file} is no safetensors file: {error}") from error


def _described(settings: object, file: Path) -> dict[str, Any]:
    if not isinstance(settings, dict):
        raise ValueError(f"{file} describes a gate by {settings!r}; a table was expected")
    return dict(settings)
