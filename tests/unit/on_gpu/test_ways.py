"""Ways to score give the same log-odds; what only a GPU has is taken by a stand-in."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from on_gpu.peak import Peak
from on_gpu.scoring import row, rows, seconds_by_kind
from on_gpu.subject import Plan, Subject
from on_gpu.timed import seconds_per_call
from on_gpu.ways import ConvolutionRelu, cudnn_benchmark, fused, plain_ways, scoring
from torch import nn


@pytest.fixture
def subject(gpu) -> Subject:
    plan = Plan(torch.device("cpu"), torch.float32, (2,), 2, (2,), 0.01, gpu.TINY)
    return Subject("mfclip", plan, Peak(None, 1.0, 1.0))


def stand_in(images, layer):
    return F.relu(F.conv2d(images, layer.weight, layer.bias, layer.stride, layer.padding))


def test_convolutions_take_their_relus_along(subject):
    images = subject.images(4)
    other = fused(subject.predictor, stand_in)
    taken = [one for one in other.module.modules() if isinstance(one, ConvolutionRelu)]
    layers = [one for one in subject.predictor.module.modules() if isinstance(one, nn.Conv2d)]
    assert len(taken) == len(layers) > 10
    assert not any(isinstance(one, nn.ReLU) for one in other.module.modules())
    torch.testing.assert_close(scoring(other, images)(), scoring(subject.predictor, images)())
    assert any(isinstance(one, nn.ReLU) for one in subject.predictor.module.modules())


def test_a_convolution_keeps_a_relu_that_is_not_its_own(subject):
    other = fused(subject.predictor, stand_in)
    other.module.cnn = nn.Sequential(nn.Conv2d(3, 3, 1), nn.MaxPool2d(2), nn.ReLU())
    again = fused(other, stand_in)
    assert isinstance(again.module.cnn[0], nn.Conv2d)
    assert isinstance(again.module.cnn[2], nn.ReLU)


def test_a_processor_has_one_way_without_a_compiler(subject):
    assert list(plain_ways(subject.predictor, subject.images(2))) == ["as shipped"]


def test_a_way_that_scores_otherwise_is_an_error(subject):
    images = subject.images(2)
    with pytest.raises(RuntimeError, match="log-odds differ from the shipped way's by 1"):
        row(subject, "wrong", 2, lambda: subject.predictor.log_odds(images) + 1)


def test_a_way_that_cannot_run_gives_a_row_that_says_so(subject):
    def refuse():
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    def full():
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate")

    images = subject.images(2)
    ways = {"graph": refuse, "large": full, "plain": lambda: scoring(subject.predictor, images)}
    graph, large, plain = rows(subject, ways, 2)
    assert graph["images/s"] == "operation not permitted when stream is capturing"
    assert large["images/s"] == "out of memory"
    assert list(graph) == list(large) == list(plain)
    assert plain["images/s"] > 0
    assert plain["TFLOP/s"] == pytest.approx(
        subject.flops.total * plain["images/s"] / 1e12, rel=1e-6
    )


def test_time_by_kind_is_of_the_operations_that_ran():
    left = torch.randn(200, 200)
    seconds = seconds_by_kind(lambda: left @ left, torch.device("cpu"))
    assert seconds["convolutions"] == 0
    assert seconds["matrix products"] > 0


def test_the_setting_of_cudnn_is_put_back():
    def fail() -> None:
        with cudnn_benchmark(not former):
            seen.append(torch.backends.cudnn.benchmark)
            raise KeyError

    former, seen = torch.backends.cudnn.benchmark, []
    with pytest.raises(KeyError):
        fail()
    assert seen == [not former]
    assert torch.backends.cudnn.benchmark is former


def test_calls_are_repeated_for_about_the_time_given():
    calls: list[int] = []
    seconds = seconds_per_call(lambda: calls.append(sum(range(10_000))), 0.05)
    assert 1e-6 < seconds < 0.05
    assert len(calls) > 10
