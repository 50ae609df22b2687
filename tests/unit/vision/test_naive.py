"""The yardstick of the benchmarks computes what our encoder computes."""

from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture
def naive(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from naive import vision

    return vision


def test_both_ways_agree(naive, small_mve, context, draw_images):
    torch.manual_seed(0)
    encoder, images = small_mve.build(context), draw_images(6, 64)
    encoder(images)
    encoder.eval()
    plain = naive.NaiveVision(encoder)(images)
    torch.testing.assert_close(plain, encoder(images), rtol=0, atol=1e-5)


def test_it_shares_the_weights(naive, small_mve, context):
    encoder = small_mve.build(context)
    shared = {id(p) for p in naive.NaiveVision(encoder).parameters()}
    assert shared == {id(p) for p in encoder.parameters()}


def test_it_refuses_what_it_does_not_know(naive, small_mve, small_cvit, context):
    other = small_mve.model_copy(update={"noise": small_cvit}).build(context)
    with pytest.raises(TypeError, match="the yardstick reads srm-noise, got CvitEncoder"):
        naive.NaiveVision(other)
