"""Samples as the cards of the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mfclip.data.labels import Verdict
from mfclip.evaluation.report.data import Sample
from mfclip.metrics.operating import OperatingPoints
from mfclip.pages.pictures import as_pixels, data_uri


@dataclass(frozen=True)
class Card:
    """One sample as the page shows it."""

    name: str
    truth: Literal["real", "fake"]
    verdict: Verdict
    p_fake: str
    origin: str
    """Generator and group, as far as known."""
    image: str
    """Data address."""
    box: dict[str, str] | None
    """Place of the richest patch in percent of the image, as style properties."""
    patch: str | None
    noise: str | None
    maps: dict[str, str]
    """Data addresses by name."""

    @property
    def right(self) -> bool:
        """Whether the verdict is true."""
        return self.truth == self.verdict

    @property
    def uncertain(self) -> bool:
        """Whether there is no verdict for want of certainty."""
        return self.verdict == "uncertain"

    @property
    def alt(self) -> str:
        """What the picture shows."""
        return f"{self.truth} face, judged {self.verdict} with p_fake {self.p_fake}"


def card(sample: Sample, operating: OperatingPoints) -> Card:
    """Encode a sample's pictures and put its verdict into words."""
    pixels = as_pixels(sample.image)
    return Card(
        name=sample.name,
        truth="fake" if sample.is_fake else "real",
        verdict=operating.verdict(sample.p_fake),
        p_fake=f"{sample.p_fake:.3f}",
        origin=" · ".join(part for part in (sample.generator, sample.group) if part),
        image=data_uri(pixels, "jpeg"),
        box=None if sample.box is None else _place(sample.box, *pixels.shape[:2]),
        patch=None if sample.patch is None else data_uri(as_pixels(sample.patch), "png"),
        noise=None if sample.noise is None else data_uri(as_pixels(sample.noise), "png"),
        maps={name: data_uri(as_pixels(one), "jpeg") for name, one in sample.maps.items()},
    )


def _place(box: tuple[float, float, float, float], height: int, width: int) -> dict[str, str]:
    """A box in percent of its picture."""
    left, top, right, bottom = box
    shares = {
        "left": left / width,
        "top": top / height,
        "width": (right - left) / width,
        "height": (bottom - top) / height,
    }
    return {side: f"{share:.3%}" for side, share in shares.items()}
