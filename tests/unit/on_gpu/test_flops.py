"""Operations by kind: against formulas, and against the sum that PyTorch's counter gives."""

from __future__ import annotations

import pytest
import torch
from on_gpu.flops import CONVOLUTIONS, PRODUCTS, REST, by_kind, counted, kind_of
from on_gpu.subject import Plan, Subject
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode


def test_a_convolution_and_a_product_are_as_their_formulas():
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 5)
    )
    found = counted(lambda: network(torch.zeros(2, 3, 6, 6)))
    assert found.convolutions == 2 * (2 * 8 * 36 * 3 * 9)
    assert found.products == 2 * (2 * 8 * 36 * 5)
    assert found.total == found.convolutions + found.products


def test_attention_counts_as_the_two_products_it_is():
    query = torch.zeros(2, 4, 10, 16)
    found = counted(lambda: nn.functional.scaled_dot_product_attention(query, query, query))
    assert found == (0, 2 * (2 * 2 * 4 * 10 * 10 * 16))


def test_a_backward_pass_counts_too():
    layer = nn.Linear(7, 5)
    images = torch.zeros(3, 7, requires_grad=True)
    forward = counted(lambda: layer(images)).products
    assert counted(lambda: layer(images).sum().backward()).products == 3 * forward


@pytest.mark.parametrize("assembly", ["mfclip", "mfclip-clip"])
def test_both_kinds_of_a_detector_sum_up_to_the_counter(assembly, gpu):
    tiny = Plan(torch.device("cpu"), torch.float32, (2,), 2, (2,), 0.01, gpu.TINY)
    subject = Subject(assembly, tiny, peak=None)
    images = subject.images(2)
    counter = FlopCounterMode(display=False)
    with torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        subject.predictor.module(images)
    assert 2 * subject.flops.total == counter.get_total_flops()
    assert min(subject.flops) > 0


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        ("aten::cudnn_convolution", CONVOLUTIONS),
        ("aten::cudnn_convolution_relu", CONVOLUTIONS),
        ("aten::mkldnn_convolution", CONVOLUTIONS),
        ("aten.convolution_backward", CONVOLUTIONS),
        ("aten::_slow_conv2d_forward", CONVOLUTIONS),
        ("aten::addmm", PRODUCTS),
        ("aten.bmm", PRODUCTS),
        ("aten::_scaled_dot_product_flash_attention", PRODUCTS),
        ("aten::max_pool2d_with_indices", REST),
        ("aten::convert_element_type", REST),
        ("aten::addcmul", REST),
        ("cudaLaunchKernel", REST),
    ],
)
def test_kinds_by_name(operation, kind):
    assert kind_of(operation) == kind


def test_an_operation_of_no_known_kind_is_an_error():
    with pytest.raises(ValueError, match=r"'aten\.fold' counts 3 operations"):
        by_kind({"aten.mm": 1, "aten.fold": 3})
