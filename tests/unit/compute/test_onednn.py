"""PyTorch's own operators are used only where they are there and right."""

import pytest
import torch

from mfclip.compute import onednn

BF16 = pytest.param(
    torch.bfloat16,
    marks=pytest.mark.skipif(
        not torch.ops.mkldnn._is_mkldnn_bf16_supported(), reason="oneDNN has no bfloat16 here"
    ),
)


@pytest.fixture(autouse=True)
def asked_anew():
    onednn.trouble.cache_clear()
    yield
    onednn.trouble.cache_clear()


@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_they_are_right_here(dtype):
    assert onednn.trouble(dtype) == ""


def test_a_version_without_them_is_told(monkeypatch):
    monkeypatch.setattr(onednn, "NAMES", (*onednn.NAMES, "_gone_pointwise"))
    assert onednn.trouble(torch.float32).endswith("has no operator _gone_pointwise")


def test_operators_that_take_other_arguments_are_told(monkeypatch):
    def refuses(*_, **__):
        raise TypeError("takes 3 arguments")

    monkeypatch.setattr(onednn, "convolve", refuses)
    assert "refuses its own operators: TypeError" in onednn.trouble(torch.float32)


def test_wrong_results_are_told(monkeypatch):
    right = onednn.multiply
    monkeypatch.setattr(onednn, "multiply", lambda *given: right(*given) * 1.001)
    assert "own operators are off by" in onednn.trouble(torch.float32)
