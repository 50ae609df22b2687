"""Small convolutional autoencoders, whose reconstructions of real images are fakes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from mfclip_pseudo.fields import draws, levels, rounded
from mfclip_pseudo.words import Decoder

RATE = 2e-3
"""Adam's largest learning rate."""
WIDTH = 32
"""Channels inside the networks."""
EACH = 2
"""Crops of each image."""


class AutoencoderFake(nn.Module):
    """Real image, another one that it leaves alone, seed -> its reconstruction.

    The seed draws which of the autoencoders makes it. They are trained by :meth:`fit`.
    """

    fitted: Tensor
    """Whether it was, a bool."""

    def __init__(
        self,
        decoders: Sequence[Decoder],
        *,
        down: int,
        channels: int,
        steps: int,
        batch_size: int,
        crop: int,
        images: int,
    ) -> None:
        super().__init__()
        self.down, self.steps, self.batch_size = down, steps, batch_size
        self.crop, self.images = crop, images
        self.coders = nn.ModuleList(Coder(decoder, down, channels) for decoder in decoders)
        self.register_buffer("fitted", torch.tensor(False))

    def forward(
        self,
        image: UInt8[Tensor, "3 height width"],
        partner: UInt8[Tensor, "3 rows columns"],
        seed: int,
    ) -> UInt8[Tensor, "3 height width"]:
        """Reconstruct one image.

        Raises
        ------
        ValueError
            For what is no image.
        RuntimeError
            Before it was fitted.
        """
        if not self.fitted:
            raise RuntimeError("the autoencoders are untrained: fit them on real images first")
        before, draw = levels(image), draws(seed)
        coder = self.coders[int(draw.integers(len(self.coders)))]
        height, width = image.shape[-2:]
        more = (0, -width % self.down, 0, -height % self.down)
        padded = functional.pad(before[None], more, mode="replicate")
        with torch.no_grad():
            made = coder(padded / 127.5 - 1)[0, :, :height, :width]
        return rounded((made + 1) * 127.5)

    def fit(self, images: Iterable[UInt8[Tensor, "3 height width"]], seed: int) -> None:
        """Train all of them on two crops of each of the first ``images`` real images.

        All that is drawn comes from the seed.

        Raises
        ------
        ValueError
            Without any image.
        """
        draw = draws(seed)
        found = (image for image in islice(images, self.images) for _ in range(EACH))
        crops = [self._crop(image, draw) for image in found]
        if not crops:
            raise ValueError("there is no real image to learn from")
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(int(draw.integers(2**63)))
            for number, coder in enumerate(self.coders):
                share = len(range(number, self.steps, len(self.coders)))
                self._train(coder, crops, share, draw)
        self.fitted.fill_(True)
        self.requires_grad_(False).eval()

    def _train(
        self,
        coder: nn.Module,
        crops: Sequence[UInt8[Tensor, "3 crop crop"]],
        steps: int,
        draw: np.random.Generator,
    ) -> None:
        """Mean absolute error of colours and of their differences to the neighbours."""
        for layer in coder.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                layer.reset_parameters()
        coder.train().requires_grad_(True)
        adam = torch.optim.Adam(coder.parameters(), lr=RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(adam, max(1, steps))
        for _ in range(steps):
            batch = [crops[int(draw.integers(len(crops)))] for _ in range(self.batch_size)]
            wanted = torch.stack(batch).float() / 127.5 - 1
            made = coder(wanted)
            error = made - wanted
            loss = error.abs().mean() + error.diff(dim=-1).abs().mean()
            loss = loss + error.diff(dim=-2).abs().mean()
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
            schedule.step()

    def _crop(
        self, image: UInt8[Tensor, "3 height width"], draw: np.random.Generator
    ) -> UInt8[Tensor, "3 crop crop"]:
        """A window at a drawn place; a smaller image is mirrored at its borders first."""
        rows, columns = (_mirrored(side, self.crop) for side in image.shape[-2:])
        top, left = (int(draw.integers(len(one) - self.crop + 1)) for one in (rows, columns))
        return image[:, rows[top : top + self.crop]][:, :, columns[left : left + self.crop]]


def _mirrored(side: int, least: int) -> Tensor:
    """Places 0 to ``side`` - 1, there and back until there are ``least``."""
    forth = torch.arange(side)
    both = torch.cat([forth, forth.flip(0)])
    return both.repeat(-(-least // len(both)))[: max(side, least)]


class Coder(nn.Module):
    """Images (B, 3, H, W), -1 to 1, sides multiples of ``down`` -> their reconstruction.

    The code has ``channels`` that are learnt and the mean colour of the pixels it stands for, so
    that few steps of training are enough.
    """

    def __init__(self, decoder: Decoder, down: int, channels: int) -> None:
        super().__init__()
        self.down = down
        halvings = down.bit_length() - 1
        layers: list[nn.Module] = []
        for number in range(halvings):
            layers += [nn.Conv2d(WIDTH if number else 3, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2)]
        layers += [nn.Conv2d(WIDTH, channels, 3, 1, 1)]
        for number in range(halvings - 1):
            layers += _doubling(decoder, WIDTH if number else channels, WIDTH)
            layers += [nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, *_doubling(decoder, WIDTH, 3))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """Colours from the means, detail from the learnt code."""
        means = functional.avg_pool2d(images, self.down)
        colours = functional.interpolate(means, scale_factor=self.down, mode="bilinear")
        made: Tensor = colours + self.layers(images)
        return made


def _doubling(decoder: Decoder, channels: int, after: int) -> list[nn.Module]:
    """Layers that double both sides."""
    if decoder == "nearest":
        return [nn.Upsample(scale_factor=2), nn.Conv2d(channels, after, 3, 1, 1)]
    if decoder == "transposed":
        return [nn.ConvTranspose2d(channels, after, 4, 2, 1)]
    return [nn.Conv2d(channels, 4 * after, 3, 1, 1), nn.PixelShuffle(2)]
