"""Models of OpenVINO that come and go leave signals a stack to be handled on."""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

import pytest
import torch

from mfclip.exporting.openvino_model import to_int8, to_openvino
from mfclip.exporting.sessions import compiled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/maps")


class Stack(ctypes.Structure):
    """``stack_t`` of sigaltstack(2)."""

    _fields_ = (
        ("address", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("size", ctypes.c_size_t),
    )


def signal_stack() -> int | None:
    """The address of this thread's alternative stack."""
    found = Stack()
    assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
    address: int | None = found.address
    return address


def is_there(address: int | None) -> bool:
    """Whether memory lies at this address. None is the ordinary stack."""
    if address is None:
        return True
    maps = Path("/proc/self/maps").read_text().splitlines()
    ranges = (line.split()[0].split("-") for line in maps)
    return any(int(first, 16) <= address < int(last, 16) for first, last in ranges)


@pytest.fixture
def stack(onnx_file):
    """Where signals are handled once a model has been compiled, and is gone."""
    compiled(to_openvino(onnx_file), "fp32")
    return signal_stack()


def test_models_may_go_in_any_order(onnx_file, stack):
    first, second = (compiled(to_openvino(onnx_file), "fp32") for _ in range(2))
    del first
    gc.collect()
    del second
    gc.collect()
    assert signal_stack() == stack
    assert is_there(stack)


def test_so_it_stays_while_int8_models_are_made(onnx_file, bundle, pictures, stack):
    prepare = bundle.recipe.preprocessor()
    to_int8(
        to_openvino(onnx_file),
        pictures.samples,
        lambda image: prepare([image], torch.device("cpu")).numpy(),
    )
    gc.collect()
    assert signal_stack() == stack
    assert is_there(stack)
