"""Detectors out of all proportion to their weights are not built."""

import threading

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from mfclip.bundle import limits
from mfclip.bundle.limits import no_more_than
from mfclip.errors import BundleError


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A file of 30 numbers in two tensors; 4 times as many may be built, and none beside."""
    monkeypatch.setattr(limits, "SPARE_NUMBERS", 0)
    monkeypatch.setattr(limits, "SPARE_TENSORS", 0)
    file = tmp_path / "w.safetensors"
    save_file({"a": torch.zeros(5, 5), "b": torch.zeros(5)}, file)
    return file


def test_what_the_file_can_fill_is_built(weights):
    with no_more_than(weights):
        nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 5), nn.Linear(5, 5))


@pytest.mark.parametrize(
    "build",
    [
        lambda: nn.Linear(1_000, 1),
        lambda: [nn.Linear(1, 1) for _ in range(10**9)],
        lambda: nn.BatchNorm1d(100, affine=False),
    ],
    ids=["one large layer", "a billion layers", "buffers"],
)
def test_what_it_cannot_is_stopped_while_it_is_built(weights, build):
    with (
        pytest.raises(BundleError, match=r"holds 30 numbers in 2 tensors.*many times as large"),
        no_more_than(weights),
    ):
        build()


def test_other_threads_and_later_work_go_on(weights):
    built = []
    with no_more_than(weights):
        other = threading.Thread(target=lambda: built.append(nn.Linear(100, 100)))
        other.start()
        other.join()
    built.append(nn.Linear(100, 100))
    assert len(built) == 2


def test_a_file_that_is_no_weights(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"PK")
    with (
        pytest.raises(BundleError, match="is no safetensors file"),
        no_more_than(tmp_path / "w.safetensors"),
    ):
        raise AssertionError("never gets here")
