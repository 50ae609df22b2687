"""Running exported models: prepared images in, log-odds out, on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from mfclip.errors import BundleError
from mfclip.exporting.about import INPUT, KEY, LOG_ODDS, Arithmetic, ExportedModel, parse
from mfclip.exporting.openvino_model import MODEL
from mfclip.exporting.packages import needed, openvino_core
from mfclip.inference.runtimes import Runtime

Batch = Float32[NDArray[np.float32], "batch *frames 3 size size"]


class Session(Protocol):
    """A model that is ready to run."""

    runtime: Runtime

    @property
    def about(self) -> ExportedModel:
        """What it says of itself."""

    def __call__(self, images: Batch) -> Float32[NDArray[np.float32], " batch"]:
        """Log-odds of prepared images."""


class OnnxSession:
    """An ONNX file in onnxruntime."""

    runtime: Runtime = "onnx"

    def __init__(self, path: Path) -> None:
        (runtime,) = needed("onnx", "scoring with an ONNX model", "onnxruntime")
        try:
            self._session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a family of its own for each kind of damage
            raise BundleError(f"{path} is no ONNX model that onnxruntime reads: {error}") from error
        found = self._session.get_modelmeta().custom_metadata_map
        self.about = parse(found.get(KEY), str(path))

    def __call__(self, images: Batch) -> Float32[NDArray[np.float32], " batch"]:
        """Log-odds of prepared images."""
        (log_odds,) = self._session.run([LOG_ODDS], {INPUT: images})
        return np.asarray(log_odds)


class OpenvinoSession:
    """An OpenVINO model, in the arithmetic that it was exported for."""

    runtime: Runtime = "openvino"

    def __init__(self, path: Path) -> None:
        core = openvino_core()
        file = path / MODEL if path.is_dir() else path
        try:
            model = core.read_model(file)
        except RuntimeError as error:
            raise BundleError(f"{file} is no model that OpenVINO reads: {error}") from error
        text = model.get_rt_info([KEY]).astype(str) if model.has_rt_info([KEY]) else None
        self.about = parse(text, str(file))
        self._run = compiled(model, self.about.arithmetic)

    def __call__(self, images: Batch) -> Float32[NDArray[np.float32], " batch"]:
        """Log-odds of prepared images."""
        return np.asarray(self._run({INPUT: images})[LOG_ODDS])


def compiled(model: Any, arithmetic: Arithmetic) -> Any:
    """The model, ready to run on the CPU.

    The arithmetic is named: left to itself, OpenVINO takes bfloat16 where the CPU has it.
    """
    hint = "bf16" if arithmetic == "bf16" else "f32"
    settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    return openvino_core().compile_model(model, "CPU", settings)


def open_session(path: Path) -> Session:
    """The session of a model by its path. Raises :class:`BundleError` where it is none."""
    return OnnxSession(path) if path.suffix == ".onnx" else OpenvinoSession(path)
