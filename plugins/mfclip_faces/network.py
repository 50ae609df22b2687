"""A network in an ONNX file, run by ONNX Runtime on the CPU."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from mfclip.compute.cores import cores
from mfclip.errors import DataError, MissingExtraError

Maps = tuple[Float32[NDArray[Any], "channels rows columns"], ...]


class Network:
    """Opened by the first call in a process: a session outlives neither a fork nor a pickle."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._session: Any = None
        self._owner = -1

    def __call__(self, image: Float32[NDArray[Any], "3 height width"]) -> Maps:
        """Its outputs for one image.

        Raises
        ------
        DataError
            Where the file is no network that takes one image, or is damaged.
        MissingExtraError
            Where ONNX Runtime is not installed.
        """
        if self._owner != os.getpid():
            self._session, self._owner = _opened(self.file), os.getpid()
        (given,) = self._session.get_inputs()
        outputs = self._session.run(None, {given.name: image[None]})
        return tuple(np.asarray(output[0], dtype=np.float32) for output in outputs)

    def __getstate__(self) -> dict[str, Any]:
        return {"file": self.file, "_session": None, "_owner": -1}


def _opened(file: Path) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingExtraError("finding faces", "faces") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors; it warns of weights that are inputs as well
    try:
        session = onnxruntime.InferenceSession(
            file, sess_options=options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # of its own kinds, by the file's fault
        told = " ".join(str(error).split())
        raise DataError(
            f"{file} is no ONNX network that can be run, or is damaged: {told}"
        ) from error
    if len(session.get_inputs()) != 1:
        raise DataError(f"{file} takes {len(session.get_inputs())} inputs; one image is expected")
    return session


def _threads() -> int:
    """One in a process that decodes beside others; all cores elsewhere."""
    from torch.utils.data import get_worker_info

    return cores() if get_worker_info() is None else 1
