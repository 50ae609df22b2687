"""Weights out of a network that was quantised, against the formula and the network it came from."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mfclip.errors import DataError, MissingExtraError
from mfclip.weights.int8 import dequantised

DRAW = np.random.default_rng(0)


def quantised(weight):
    """(q, s, z) by column, as ONNX Runtime's dynamic quantisation makes them, in whole numbers."""
    low, high = np.minimum(weight.min(0), 0), np.maximum(weight.max(0), 0)
    scale = ((high - low) / 255).astype(np.float32)
    zero = np.round(-128 - low / scale).astype(np.int8)
    return np.clip(np.round(weight / scale) + zero, -128, 127).astype(np.int8), scale, zero


def network(matrices, floats=()):
    """Products in a row: (name of the matrix, weight (in, out), bias's name or None)."""
    nodes, constants, before = [], [], "x"
    for number, (name, weight, bias) in enumerate(matrices):
        parts = zip(("quantized", "scale", "zero_point"), quantised(weight), strict=True)
        constants += [numpy_helper.from_array(value, f"{name}_{part}") for part, value in parts]
        own = [f"{number}-{step}" for step in ("q", "s", "z", "product", "float", "scaled", "out")]
        nodes += [
            helper.make_node("DynamicQuantizeLinear", [before], own[:3]),
            helper.make_node(
                "MatMulInteger",
                [own[0], f"{name}_quantized", own[2], f"{name}_zero_point"],
                [own[3]],
            ),
            helper.make_node("Cast", [own[3]], [own[4]], to=TensorProto.FLOAT),
            helper.make_node("Mul", [own[4], own[1]], [own[5]]),
        ]
        before = own[5]
        if bias:
            values = np.arange(weight.shape[1], dtype=np.float32)
            constants.append(numpy_helper.from_array(values, bias))
            nodes.append(helper.make_node("Add", [bias, before], [own[6]]))
            before = own[6]
    constants += [numpy_helper.from_array(value, name) for name, value in floats]
    given, made = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("x", before)
    )
    return helper.make_model(helper.make_graph(nodes, "g", [given], [made], constants))


@pytest.fixture
def saved(tmp_path):
    def save(*arguments, **named):
        file = tmp_path / "network.onnx"
        onnx.save(network(*arguments, **named), file)
        return file

    return save


def test_each_matrix_is_named_by_its_bias_and_nearly_what_it_was(saved):
    first, second = DRAW.normal(size=(6, 8)), DRAW.normal(size=(8, 4))
    position = DRAW.normal(size=(3, 6)).astype(np.float32)
    file = saved(
        [("onnx::MatMul_1", first, "layers.0.q_proj.bias"), ("onnx::MatMul_2", second, None)],
        floats=[("layers.0.norm.weight", np.ones(6, np.float32)), ("position_embedding", position)],
    )
    found = dequantised(file, without_bias="projection.weight")
    assert set(found) == {
        *("layers.0.q_proj.bias", "layers.0.q_proj.weight", "projection.weight"),
        *("layers.0.norm.weight", "position_embedding"),
    }
    for weight, name in ((first, "layers.0.q_proj.weight"), (second, "projection.weight")):
        q, scale, zero = quantised(weight)
        exact = (q.astype(np.float64) - zero) * scale.astype(np.float64)
        assert np.allclose(found[name].T, exact, atol=1e-7)
        assert np.abs(found[name].T - weight).max() <= scale.max()  # one step, at the most
        assert found[name].dtype == np.float32
    assert np.array_equal(found["position_embedding"], position)


def test_two_matrices_without_a_bias_are_not_understood(saved):
    weight = DRAW.normal(size=(4, 4))
    with pytest.raises(DataError, match=r"two matrices belong to 'p\.weight'"):
        dequantised(saved([("a", weight, None), ("b", weight, None)]), without_bias="p.weight")


def test_something_else_is_no_network(tmp_path):
    file = tmp_path / "x.onnx"
    file.write_bytes(b"\xff\xfe not a network")
    with pytest.raises(DataError, match="is no ONNX network"):
        dequantised(file, without_bias="p.weight")


def test_without_onnx_the_extra_is_named(saved, monkeypatch):
    import sys

    file = saved([("a", DRAW.normal(size=(4, 4)), None)])
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtraError, match=r"mfclip\[weights\]"):
        dequantised(file, without_bias="p.weight")
