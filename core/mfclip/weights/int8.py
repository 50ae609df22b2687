"""Float weights out of a network that was quantised to int8 by output channel, read as data.

ONNX Runtime's dynamic quantisation keeps of each matrix W (in, out) whole numbers q, a scale s and
a zero point z for each output: W = (q - z) s. Quantising the weights loses little; it is the
activations, quantised as the network runs, that cost accuracy, and these are not used here.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray

from mfclip.errors import DataError
from mfclip.weights.networks import read_network

_SCALED = {"Cast", "Mul"}
"""What stands between a product in whole numbers and the bias that is added to it."""


def dequantised(file: Path, *, without_bias: str) -> dict[str, Float32[NDArray[Any], ...]]:
    """Tensors by the names of their layers, as PyTorch keeps them: a matrix is (out, in).

    A matrix is named after the bias that is added to its product: ``….q_proj.bias`` makes it
    ``….q_proj.weight``. ``without_bias`` names the one that has none. Tensors that were left in
    floats keep their names. Nothing of the network is run.

    Raises
    ------
    MissingExtraError
        Where the package onnx is absent.
    DataError
        Where the file is no such network.
    """
    graph = read_network(file).graph
    constants = {one.name: one for one in graph.initializer}
    users = defaultdict(list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)
    floats = {name for name in constants if name.endswith((".weight", ".bias", "embedding"))}
    tensors = {name: _array(constants[name]).astype(np.float32) for name in sorted(floats)}
    for node in graph.node:
        if node.op_type == "MatMulInteger":
            name = _layer(node, users, constants) or without_bias
            if name in tensors:
                raise DataError(
                    f"{file}: two matrices belong to {name!r}; this layout is not known"
                )
            tensors[name] = _matrix(node.input[1], constants)
    return tensors


def _layer(node: Any, users: dict[str, list[Any]], constants: dict[str, Any]) -> str:
    """The weight that a product stands for, by the bias added to it; empty where there is none."""
    while True:
        after = users[node.output[0]]
        if len(after) != 1:
            return ""
        (node,) = after
        if node.op_type == "Add":
            bias = [name for name in node.input if name in constants and name.endswith(".bias")]
            return f"{bias[0].removesuffix('.bias')}.weight" if bias else ""
        if node.op_type not in _SCALED:
            return ""


def _matrix(name: str, constants: dict[str, Any]) -> Float32[NDArray[Any], "out in"]:
    stem = name.removesuffix("_quantized")
    try:
        whole, scale, zero = (
            _array(constants[f"{stem}_{part}"]).astype(np.float32)
            for part in ("quantized", "scale", "zero_point")
        )
    except KeyError as error:
        raise DataError(f"the matrix {name!r} has no tensor {error}") from error
    return np.ascontiguousarray(((whole - zero) * scale).T)


def _array(constant: Any) -> NDArray[Any]:
    from onnx import numpy_helper

    found: NDArray[Any] = numpy_helper.to_array(constant)
    return found
