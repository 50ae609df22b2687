"""What holds for image encoder, noise encoder and their sum alike."""

import pytest
import torch
from torch import nn


@pytest.fixture
def images(draw_images) -> torch.Tensor:
    return draw_images(6, 64)


@pytest.fixture
def settled(encoder, images) -> nn.Module:
    """In evaluation mode, with batch norms that have seen some images."""
    with torch.no_grad():
        for _ in range(3):
            encoder(images)
    return encoder.eval()


def test_every_parameter_gets_gradient(encoder, images):
    weights = torch.randn(6, 16, generator=torch.Generator().manual_seed(0))
    (encoder(images) * weights).sum().backward()
    without = [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def test_an_embedding_does_not_depend_on_the_batch_its_order_or_its_size(settled, images):
    with torch.no_grad():
        together = settled(images)
        alone = torch.cat([settled(image[None]) for image in images])
        torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)
        torch.testing.assert_close(settled(images.flip(0)), together.flip(0), rtol=0, atol=1e-5)
        torch.testing.assert_close(settled(images[:3]), together[:3], rtol=0, atol=1e-5)
    assert (together[0] - together[1]).abs().max() > 1e-3


def test_swapped_channels_rows_and_columns_are_seen(settled, images):
    with torch.no_grad():
        embedding = settled(images)
        for swapped in (images.flip(1), images.mT, images.flip(2)):
            assert (settled(swapped) - embedding).abs().max() > 1e-4


def test_memory_layout_does_not_matter(settled, images):
    with torch.no_grad():
        last = images.contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(settled(last), settled(images), rtol=0, atol=1e-5)


def test_black_white_and_saturated_images_give_numbers(settled):
    images = torch.zeros(3, 3, 64, 64)
    images[1] = 1
    images[2, 0] = 1
    assert settled(images).isfinite().all()


def test_bf16_autocast_comes_close(settled, images):
    with torch.no_grad():
        full = settled(images)
        with torch.autocast("cpu", torch.bfloat16):
            reduced = settled(images)
    torch.testing.assert_close(reduced.float(), full, rtol=0.1, atol=0.1)


def test_a_cast_to_bf16_still_takes_float32_images(settled, images):
    with torch.no_grad():
        full = settled(images)
        reduced = settled.bfloat16()(images)
    torch.testing.assert_close(reduced.float(), full, rtol=0.15, atol=0.15)


def test_weights_survive_a_round_trip(encoder, small_cvit, small_noise, small_mve, context, images):
    part = next(p for p in (small_cvit, small_noise, small_mve) if isinstance_of(encoder, p))
    other = part.build(context)
    other.load_state_dict(encoder.state_dict())
    assert torch.equal(other.eval()(images), encoder.eval()(images))


def isinstance_of(module: nn.Module, part) -> bool:
    from mfclip_vision.cvit import CvitEncoder
    from mfclip_vision.mve import MultiModalVisionEncoder
    from mfclip_vision.noise import SrmNoiseEncoder

    kinds = {"cvit": CvitEncoder, "srm-noise": SrmNoiseEncoder, "mve": MultiModalVisionEncoder}
    return type(module) is kinds[part.use]
