import torch
from torch import nn

from mfclip_vision.mve import MultiModalVisionEncoder


class Scaled(nn.Module):
    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.factor * images.mean((2, 3))


def test_adds_image_and_noise_embedding():
    images = torch.rand(4, 3, 8, 8)
    both = MultiModalVisionEncoder(Scaled(2), Scaled(-5))
    torch.testing.assert_close(both(images), -3 * images.mean((2, 3)))


def test_is_the_sum_of_its_built_parts(small_mve, context, draw_images):
    images = draw_images(3, 64)
    encoder = small_mve.build(context).eval()
    torch.testing.assert_close(encoder(images), encoder.image(images) + encoder.noise(images))
