"""One small, sound part of each kind but data sets: for tests of what holds other parts.

They pass every check, build in milliseconds, and load torch only then.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from mfclip.data.labels import HierarchicalLabel
from mfclip.parts import (
    Alignment,
    BuildContext,
    Corruption,
    Detector,
    ImageEncoder,
    Input,
    Locator,
    Loss,
    Prompts,
    PseudoFake,
    TextEncoder,
)

__all__ = [
    "ToyAlignment",
    "ToyCorruption",
    "ToyDetector",
    "ToyEncoder",
    "ToyInput",
    "ToyLocator",
    "ToyLoss",
    "ToyPrompts",
    "ToyPseudoFake",
    "ToyText",
]


class ToyEncoder(ImageEncoder):
    """An image encoder: a convolution, the mean over the image, a projection."""

    use: Literal["toy-encoder"] = "toy-encoder"
    """Name of the part."""
    dim: int = 8
    """Length of the embedding."""

    @property
    def width(self) -> int:
        """d: length of the embedding."""
        return self.dim

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        from torch import nn

        pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.GELU(), pool, nn.Linear(8, self.dim))


class ToyDetector(Detector):
    """A whole detector."""

    use: Literal["toy-detector"] = "toy-detector"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        return ToyEncoder(dim=2).build(context)


class ToyText(TextEncoder):
    """A text encoder: the mean of the words of a prompt."""

    use: Literal["toy-text"] = "toy-text"
    """Name of the part."""
    width: ClassVar[int] = 8

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        from torch import nn

        return nn.Sequential(nn.Flatten(), nn.EmbeddingBag(49408, 8))


class ToyPrompts(Prompts):
    """Prompts of two sentences."""

    use: Literal["toy-prompts"] = "toy-prompts"
    """Name of the part."""
    sentences: ClassVar[int] = 2

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        return self

    def render(self, label: HierarchicalLabel) -> tuple[str, ...]:
        """Two sentences."""
        return f"a {label.label} face", f"made by {label.generator or 'something'}"


class ToyAlignment(Alignment):
    """An alignment: cosine similarities."""

    use: Literal["toy-alignment"] = "toy-alignment"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        from types import SimpleNamespace

        from torch import nn
        from torch.nn import functional as F

        class Cosine(nn.Module):
            def forward(self, visual: Any, text: Any, prompt: Any) -> Any:
                logits = F.normalize(visual.float()) @ F.normalize(text.float()).T
                return SimpleNamespace(v2l=logits, l2v=logits.T, normalised=False)

        return Cosine()


class ToyLoss(Loss):
    """A loss: the squared distance of image and text embeddings."""

    use: Literal["toy-loss"] = "toy-loss"
    """Name of the part."""
    needs: ClassVar[frozenset[str]] = frozenset({"visual", "text"})

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        from torch import nn

        class Distance(nn.Module):
            def forward(self, outputs: Any, targets: Any) -> Any:
                return (outputs.visual - outputs.text).square().mean()

        return Distance()


class ToyCorruption(Corruption):
    """A corruption: Gaussian noise."""

    use: Literal["toy-corruption"] = "toy-corruption"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        import torch

        def corrupt(image: Any, level: int, seed: int) -> Any:
            if not 1 <= level <= 5:
                raise ValueError(f"level must be 1 to 5, got {level}")
            noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
            return (image + noise * 5 * level).clamp(0, 255).to(torch.uint8)

        return corrupt


class ToyInput(Input):
    """An input beside the image: each pixel's difference from its left neighbour."""

    use: Literal["toy-input"] = "toy-input"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        """Make it."""

        def make(source: Any) -> Any:
            grey = source.image.float().mean(0, keepdim=True) / 255
            return (grey - grey.roll(1, -1)).abs()

        return make


class ToyPseudoFake(PseudoFake):
    """A pseudo-fake: the partner shines through, grainy."""

    forgery: ClassVar[str] = "blended"
    use: Literal["toy-pseudo-fake"] = "toy-pseudo-fake"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        import torch
        from torch.nn import functional as F

        def forge(image: Any, partner: Any, seed: int) -> Any:
            grain = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
            other = F.interpolate(partner[None].float(), image.shape[-2:], mode="bilinear")[0]
            return (0.7 * image + 0.3 * other + 8 * grain).clamp(0, 255).to(torch.uint8)

        return forge


class ToyLocator(Locator):
    """A locator: each region of saturated red is a face."""

    points: ClassVar[bool] = True
    use: Literal["toy-locator"] = "toy-locator"
    """Name of the part."""

    def build(self, context: BuildContext) -> Any:
        """Make it."""
        return red_regions


def red_regions(image: Any) -> list[Any]:
    """A picture (3, H, W), uint8 -> a face about each connected region of red, eyes level."""
    from scipy import ndimage

    from mfclip.faces.face import Face

    red = ((image[0] >= 200) & (image[1] <= 60) & (image[2] <= 60)).numpy()
    faces = []
    for rows, columns in ndimage.find_objects(ndimage.label(red)[0]):
        left, top, right, bottom = columns.start, rows.start, columns.stop, rows.stop
        shares = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
        points = [(left + x * (right - left), top + y * (bottom - top)) for x, y in shares]
        faces.append(Face((left, top, right, bottom), 1.0, tuple(points)))  # type: ignore[arg-type]
    return faces
