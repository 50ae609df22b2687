"""Shares of the peak, by the data sheet or as measured."""

from __future__ import annotations

import pytest
import torch
from on_gpu.peak import Peak, measured_peak, sheet_peak


@pytest.mark.parametrize(
    ("name", "tflops"),
    [
        ("NVIDIA H100 80GB HBM3", 989.4),
        ("NVIDIA H200", 989.4),
        ("NVIDIA H100 PCIe", 756.0),
        ("NVIDIA H100 NVL", 835.0),
        ("NVIDIA A100-SXM4-80GB", 312.0),
        ("NVIDIA L40S", 362.0),
        ("NVIDIA L4", 121.0),
        ("NVIDIA GeForce GTX 1080", None),
        ("", None),
    ],
)
def test_the_data_sheet_by_the_name_of_the_device(name, tflops):
    assert sheet_peak(name, torch.bfloat16) == tflops
    assert sheet_peak(name, torch.float32) is None


def test_a_share_is_of_the_sheet_and_else_of_what_was_measured():
    known, unknown = Peak(989.4, 700.0, 3000.0), Peak(None, 0.5, 10.0)
    assert known.share(989.4e12, seconds=2) == pytest.approx(0.5)
    assert unknown.share(1e12, seconds=4) == pytest.approx(0.5)
    assert (known.origin, unknown.origin) == ("data sheet, bf16", "measured matrix product")


def test_a_product_and_a_copy_are_measured():
    peak = measured_peak(torch.device("cpu"), torch.float32, seconds=0.02)
    assert peak.sheet is None
    assert 1e-3 < peak.product < 100
    assert 0.1 < peak.copy < 10_000
