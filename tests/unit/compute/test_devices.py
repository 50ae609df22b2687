from __future__ import annotations

import pytest
import torch

from mfclip.compute.devices import choose_device
from mfclip.errors import UsageError


def pretend_gpus(monkeypatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_auto_takes_the_gpu_where_there_is_one(monkeypatch):
    pretend_gpus(monkeypatch, 0)
    assert choose_device("auto") == torch.device("cpu")
    pretend_gpus(monkeypatch, 2)
    assert choose_device("auto") == torch.device("cuda")
    assert choose_device("cpu") == torch.device("cpu")


def test_a_gpu_by_number(monkeypatch):
    pretend_gpus(monkeypatch, 2)
    assert choose_device("cuda") == torch.device("cuda")
    assert choose_device("cuda:1") == torch.device("cuda:1")


def test_a_number_too_high_lists_what_is_there(monkeypatch):
    pretend_gpus(monkeypatch, 2)
    with pytest.raises(UsageError, match=r"'cuda:2' does not exist.*cuda:0, cuda:1"):
        choose_device("cuda:2")


def test_no_gpu_says_so_and_what_to_do(monkeypatch):
    pretend_gpus(monkeypatch, 0)
    with pytest.raises(UsageError, match=r"'cuda' cannot be used.*--device cpu"):
        choose_device("cuda")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda0", "", "mps"])
def test_another_name_lists_the_allowed_ones(name):
    with pytest.raises(UsageError, match=f"'{name}'; allowed: auto, cpu, cuda"):
        choose_device(name)
