"""VLFFD (Sun et al., CVPR 2025): sentences that say where and how a face was changed.

Shape letters: B images, R regions, K sentences, d the width of the embedding. Images are 0-1.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from open_clip.model import CustomTextCLIP
from torch import Tensor, nn
from torch.nn import functional

from mfclip.data.prompts import ClipTokeniser
from mfclip.detector.outputs import FAKE, Outputs, Targets
from mfclip_baselines.backbones import Normalise
from mfclip_baselines.clip import CLIP, compared, encode

REGIONS = {
    "eyes": (0.2, 0.45, 0.15, 0.85),
    "nose": (0.35, 0.65, 0.3, 0.7),
    "mouth": (0.6, 0.85, 0.25, 0.75),
    "whole face": (0.0, 1.0, 0.0, 1.0),
}
"""Top, bottom, left and right of each in a picture that shows a face and little else, 0-1."""
TYPES = ("colour", "texture", "structure")
"""What can differ between a photo and what was made of it."""
COARSE = ("a photo of a real face", "a photo of a fake face")
FINE = tuple(
    f"a photo of a face whose {region} was changed in {kind}"
    for region in REGIONS
    for kind in TYPES
)
COARSE_TEXT, FINE_LABEL, FINE_TEXT = "vlffd.coarse-text", "vlffd.fine-label", "vlffd.fine-text"
SOFT = 0.02
"""Deviation of the blur of masks, as a share of the side."""
LEAST = 0.02
"""Share of a region that must have been changed for it to be drawn."""

Photos = Float[Tensor, "batch 3 height width"]
Masks = Float[Tensor, "batch 1 height width"]


def blurred(x: Float[Tensor, "batch c height width"], deviation: float) -> Tensor:
    """By a Gaussian of that many pixels, the border continued outwards."""
    reach = max(1, round(2 * deviation))
    places = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = (-((places / deviation) ** 2) / 2).exp()
    kernel = (kernel / kernel.sum()).repeat(x.shape[1], 1, 1, 1)  # (c, 1, 1, 2 reach + 1)
    wide = functional.pad(x, (reach,) * 4, mode="replicate")
    return functional.conv2d(
        functional.conv2d(wide, kernel, groups=x.shape[1]), kernel.mT, groups=x.shape[1]
    )


def regions(height: int, width: int) -> Float[Tensor, "r height width"]:
    """1 inside each, 0 elsewhere."""
    maps = torch.zeros(len(REGIONS), height, width)
    for one, (top, bottom, left, right) in zip(maps, REGIONS.values(), strict=True):
        rows = slice(round(top * height), round(bottom * height))
        one[rows, round(left * width) : round(right * width)] = 1
    return maps


def drawn_regions(mask: Masks) -> Int[Tensor, " batch"]:
    """One at random out of those in which something was changed; else the whole face."""
    possible = changed_regions(mask)
    possible[:, -1] = True
    return torch.multinomial(possible.float(), 1)[:, 0]


def changed_regions(mask: Masks) -> Bool[Tensor, "batch r"]:
    """Whether enough of each was changed."""
    maps = regions(*mask.shape[-2:]).to(mask)
    shares: Tensor = torch.einsum("bhw,rhw->br", mask[:, 0], maps) / maps.sum((1, 2))
    return shares > LEAST


def mixed(fake: Photos, real: Photos, mask: Masks, region: Int[Tensor, " batch"]) -> Photos:
    """The fake inside the mask and the region, the photo elsewhere, with a soft edge between."""
    alpha = _alpha(mask, region)
    return alpha * fake + (1 - alpha) * real


def _alpha(mask: Masks, region: Int[Tensor, " batch"]) -> Masks:
    chosen = regions(*mask.shape[-2:]).to(mask)[region][:, None]
    return blurred(mask * chosen, SOFT * mask.shape[-1])


def kinds(image: Photos, real: Photos, alpha: Masks) -> Int[Tensor, " batch"]:
    """What differs most inside alpha, as a number of :data:`TYPES`.

    Colour: the mean of each channel. Texture: how much there is beyond a blur. Structure: the
    edges that the blur leaves. All in levels of the image, 0-1.
    """
    soft = max(1.0, SOFT * image.shape[-1])
    low, low_real = blurred(image, soft), blurred(real, soft)
    colour = _mean(image - real, alpha).abs()  # (B, 3)
    texture = (_energy(image - low, alpha) - _energy(real - low_real, alpha)).abs()
    structure = soft * _mean((_edges(low) - _edges(low_real)).abs(), alpha)
    return torch.stack([x.mean(1) for x in (colour, texture, structure)], 1).argmax(1)


def _mean(x: Tensor, alpha: Masks) -> Float[Tensor, "batch c"]:
    return (x * alpha).sum((2, 3)) / alpha.sum((2, 3)).clamp(min=1e-6)


def _energy(x: Tensor, alpha: Masks) -> Float[Tensor, "batch c"]:
    return _mean(x**2, alpha).sqrt()


def _edges(x: Photos) -> Float[Tensor, "batch 6 height width"]:
    """Differences to the pixel below and to the one on the right."""
    down, right = functional.pad(x.diff(dim=2), (0, 0, 0, 1)), functional.pad(x.diff(), (0, 1))
    return torch.cat([down, right], 1)


def jittered(images: Photos) -> Photos:
    """A copy of each with another colour, another texture or moved, at random."""
    count, device = len(images), images.device
    shift = 0.2 * torch.rand(count, 3, 1, 1, device=device) - 0.1
    noise = 0.1 * torch.randn_like(images)
    moved = images.roll((images.shape[-2] // 16, images.shape[-1] // 16), (2, 3))
    copies = torch.stack([images + shift, images + noise, moved], 1).clamp(0, 1)
    return copies[torch.arange(count), torch.randint(len(TYPES), (count,))]


def fine_part(
    images: Photos,
    label: Int[Tensor, " batch"],
    photo: Photos,
    mask: Masks,
    known: Float[Tensor, "batch 1"],
) -> tuple[Photos, Int[Tensor, " batch"]]:
    """PFIG: images that are changed in one region, and which of ``FINE`` says so, from 1.

    A fake whose photo is known, and which differs from it somewhere, is mixed with it. Any other
    image is blended with a jittered copy of itself, which makes a real one a fake; but half of the
    reals, drawn at random, stay as they are and have the number 0.
    """
    differs = changed_regions(mask).any(1)
    paired = ((label == FAKE) & (known[:, 0] > 0) & differs)[:, None, None, None]
    fake = torch.where(paired, images, jittered(images))
    real = torch.where(paired, photo, images)
    mask = torch.where(paired, mask, torch.ones_like(mask))
    region = drawn_regions(mask)
    made = mixed(fake, real, mask, region)
    sentence = 1 + region * len(TYPES) + kinds(made, real, _alpha(mask, region))
    left = (label != FAKE) & (torch.rand(len(images), device=images.device) < 0.5)
    return (
        torch.where(left[:, None, None, None], images, made),
        torch.where(left, torch.zeros_like(sentence), sentence),
    )


class Vlffd(nn.Module):
    """Images (B, 3, H, W), 0-1 -> logits (B, 2), and in training what C2F minimises.

    The text tower is of use in training alone: the label is read off the image.
    """

    tokens: Tensor

    def __init__(self, clip: CustomTextCLIP, width: int) -> None:
        super().__init__()
        self.normalise = Normalise(*CLIP)
        self.image, self.text, self.scale = clip.visual, clip.text, clip.logit_scale
        self.head = nn.Linear(width, 2)
        rows = [torch.tensor(ClipTokeniser().tokens(one)) for one in (*COARSE, *FINE)]
        padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        self.register_buffer("tokens", padded, persistent=False)

    def forward(
        self,
        images: Photos,
        label: Int[Tensor, " batch"] | None = None,
        counterpart: Photos | None = None,
        forgery_mask: Masks | None = None,
        has_counterpart: Float[Tensor, "batch 1"] | None = None,
    ) -> Outputs:
        """In training with labels: coarse and fine images in one pass.

        Without photos, masks or word of them no photo counts as known.
        """
        if not self.training or label is None:
            return Outputs(self.head(self._embedded(images)))
        if counterpart is None or forgery_mask is None or has_counterpart is None:
            counterpart, forgery_mask = images, torch.ones_like(images[:, :1])
            has_counterpart = torch.zeros(len(images), 1, device=images.device)
        fine, sentence = fine_part(images, label, counterpart, forgery_mask, has_counterpart)
        embedded = self._embedded(torch.cat([images, fine]))
        return self._together(embedded, label, sentence)

    def _embedded(self, images: Photos) -> Float[Tensor, "batch d"]:
        embedded: Tensor = self.image(self.normalise(images))
        return embedded

    def _together(
        self,
        embedded: Float[Tensor, "twice d"],
        label: Int[Tensor, " batch"],
        sentence: Int[Tensor, " batch"],
    ) -> Outputs:
        """C2F: log-probabilities of the label and of the sentence, for both halves."""
        logits = self.head(embedded)
        texts = encode(self.text, self.text.token_embedding(self.tokens), self.tokens.argmax(1))
        near = compared(embedded, texts[None], self.scale)  # (2 B, K)
        batch = len(label)
        real_or_changed = torch.cat([near[batch:, :1], near[batch:, len(COARSE) :]], 1)
        extra = {
            COARSE_TEXT: _of(near[:batch, : len(COARSE)], label),
            FINE_LABEL: _of(logits[batch:], (sentence > 0).long()),
            FINE_TEXT: _of(real_or_changed, sentence),
        }
        return Outputs(logits[:batch], extra=extra)


def _of(logits: Float[Tensor, "batch k"], truth: Int[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    """Log-probability of the truth, which is at most 0."""
    return -functional.cross_entropy(logits.float(), truth, reduction="none")


class CoarseAndFine(nn.Module):
    """What C2F adds to the cross-entropy of the original images: three more, each a mean."""

    def __init__(self, text: float) -> None:
        super().__init__()
        self.text = text

    def forward(self, outputs: Outputs, targets: Targets) -> Float[Tensor, ""]:
        """In nats."""
        found = {name: -outputs.extra[name].float().mean() for name in outputs.extra}
        return found[FINE_LABEL] + self.text * (found[COARSE_TEXT] + found[FINE_TEXT])
