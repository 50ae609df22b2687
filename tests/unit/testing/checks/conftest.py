"""A sound image encoder, which the tests of single checks break in one way each."""

from __future__ import annotations

from typing import ClassVar, Literal

from torch import nn

from mfclip.parts import BuildContext, ImageEncoder


class Net(nn.Module):
    """Keeps every promise."""

    def __init__(self, context: BuildContext) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.head = nn.Linear(8, 8)

    def forward(self, images):
        return self.head(self.conv(images).relu().mean((2, 3)))


class Eye(ImageEncoder):
    """An encoder around a given network."""

    use: Literal["eye"] = "eye"
    """Name of the part."""
    net: ClassVar[type[nn.Module]] = Net

    @property
    def width(self) -> int:
        return 8

    def build(self, context: BuildContext) -> nn.Module:
        return self.net(context)
