"""Which runtime is taken, and what is said of it."""

import pytest
import torch

from mfclip.compute import onednn
from mfclip.errors import UsageError
from mfclip.inference.runtimes import check_runtime, choose_runtime

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_the_fused_one_is_taken_on_a_cpu():
    assert str(choose_runtime("auto", CPU, torch.float32, cast=True)) == "with runtime fused"
    assert choose_runtime("torch", CPU, torch.float32, cast=True) == ("torch", "")
    assert choose_runtime("auto", GPU, torch.float32, cast=True) == ("torch", "")


def test_where_it_cannot_run_the_plain_one_is_taken_and_says_why(monkeypatch):
    monkeypatch.setattr(onednn, "trouble", lambda dtype: "PyTorch 9 has no operator x")
    told = str(choose_runtime("auto", CPU, torch.float32, cast=True))
    assert told == "with runtime torch (fused cannot be used: PyTorch 9 has no operator x)"
    with pytest.raises(UsageError, match="PyTorch 9 has no operator x; use --runtime torch"):
        choose_runtime("fused", CPU, torch.float32, cast=True)


def test_layers_of_another_precision_stay_as_they_are():
    told = str(choose_runtime("auto", CPU, torch.bfloat16, cast=False))
    assert "a part of it computes in a precision of its own" in told


def test_it_is_for_cpus():
    with pytest.raises(UsageError, match="it is for CPUs, not for cuda"):
        choose_runtime("fused", GPU, torch.bfloat16, cast=True)


def test_others_are_refused():
    with pytest.raises(UsageError, match="no runtime is called 'fast'; allowed: auto, fused"):
        check_runtime("fast")
    with pytest.raises(UsageError, match="mfclip score --runtime onnx"):
        check_runtime("onnx")
