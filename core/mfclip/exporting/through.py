"""Scoring a bundle with another runtime: exported once, then kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from mfclip.bundle.description import require_bases
from mfclip.bundle.folder import Bundle, read_bundle
from mfclip.compute.devices import choose_device
from mfclip.compute.precision import arithmetic_for
from mfclip.errors import UsageError
from mfclip.exporting.about import Arithmetic, describe
from mfclip.exporting.exported import ExportedDetector, load_exported
from mfclip.exporting.pictures import drawn
from mfclip.exporting.run import export
from mfclip.files import cache_folder
from mfclip.inference.loaded import recorded_precision
from mfclip.locks import holding
from mfclip.recipe.registry import read_registry

if TYPE_CHECKING:
    from mfclip.recipe.settings import FacesSettings

Exported = Literal["onnx", "openvino"]
"""Runtimes that run exported models."""


def load_through(
    runtime: Exported,
    folder: Path | str,
    device: str = "auto",
    precision: str | None = None,
    *,
    registry: Path | str | None = None,
    faces: FacesSettings | bool | None = None,
) -> ExportedDetector:
    """Load a bundle to score with onnxruntime or OpenVINO; the rest as :func:`mfclip.load`.

    The first time it is exported, compared with its bundle, and kept in ``exported`` of
    :func:`mfclip.files.cache_folder`, by what it holds and by the version of mfclip.

    Raises
    ------
    MissingExtraError
        Where the runtime is not installed.
    ExportDiffers
        Where its scores are not the bundle's.
    UsageError
        For a device that is no CPU, and for bfloat16 with onnxruntime.
    """
    if device not in ("auto", "cpu"):
        raise UsageError(f"runtime {runtime} computes on the CPU, not on {device}; leave it out")
    bundle = read_bundle(
        Path(folder), registry=read_registry(None if registry is None else Path(registry))
    )
    require_bases(bundle.about, bundle.recipe)
    model = _exported(bundle, runtime, _arithmetic(bundle, runtime, precision))
    return load_exported(model, registry=registry, faces=faces)


def _arithmetic(bundle: Bundle, runtime: Exported, precision: str | None) -> Arithmetic:
    used = arithmetic_for(precision, recorded_precision(bundle), choose_device("cpu")).used
    if used == torch.float32:
        return "fp32"
    if runtime == "openvino":
        return "bf16"
    if precision == "bf16":
        raise UsageError("runtime onnx computes in float32; leave --precision out")
    return "fp32"


def _exported(bundle: Bundle, runtime: Exported, arithmetic: Arithmetic) -> Path:
    about = describe(bundle, arithmetic).model_dump_json()
    name = f"{hashlib.sha256(about.encode()).hexdigest()[:24]}-{runtime}"
    path = cache_folder() / "exported" / (f"{name}.onnx" if runtime == "onnx" else name)
    path.parent.mkdir(parents=True, exist_ok=True)
    settings = bundle.recipe.preprocessing
    with holding(path.with_name(f"{name}.making"), waiting=lambda _: None):
        if not path.exists():
            pictures = drawn(settings.frames, settings.size)
            export(bundle, path, runtime, pictures, arithmetic=arithmetic)
    return path
