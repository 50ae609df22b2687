"""Networks in ONNX files, read as data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mfclip.errors import DataError, MissingExtraError

_PLANE = (0, 2, 3)
"""Places of batch, height and width in (B, C, H, W)."""


def read_network(file: Path) -> Any:
    """The model in an ONNX file. Nothing of it is run, and no other file is read.

    Raises
    ------
    MissingExtraError
        Where the package onnx is absent.
    DataError
        Where the file is no such network.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError
    except ImportError as error:
        raise MissingExtraError("reading weights out of an ONNX file", "weights") from error
    try:
        return onnx.load_model(file, load_external_data=False)
    except DecodeError as error:
        raise DataError(f"{file} is no ONNX network: {error}") from error


def of_any_size(file: Path, out: Path) -> None:
    """Write a network of images again, with input and outputs of any batch, height and width.

    Only for networks whose layers are all of them right for any size, such as convolutions; the
    layers and their weights stay as they are.
    """
    import onnx

    model = read_network(file)
    constants = {one.name for one in model.graph.initializer}
    for value in (*model.graph.input, *model.graph.output):
        sizes = value.type.tensor_type.shape.dim
        if value.name not in constants and len(sizes) == len(_PLANE) + 1:
            for place in _PLANE:
                sizes[place].dim_param = f"{value.name}.{place}"
    onnx.save_model(model, out)
