"""Arrays as pictures inside the page."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike, NDArray

from mfclip.evaluation.report.data import Sample
from mfclip.metrics.operating import OperatingPoints


@dataclass(frozen=True)
class Card:
    """One sample as the page shows it."""

    name: str
    truth: Literal["real", "fake"]
    verdict: Literal["real", "fake"]
    p_fake: str
    origin: str
    """Generator and group, as far as known."""
    image: str
    """Data address."""
    box: dict[str, str] | None
    """Place of the richest patch in percent of the image, as style properties."""
    patch: str | None
    noise: str | None

    @property
    def right(self) -> bool:
        """Whether the verdict is true."""
        return self.truth == self.verdict

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
    )


def as_pixels(picture: ArrayLike) -> UInt8[NDArray[Any], "h w *channels"]:
    """Any picture as uint8, (H, W) or (H, W, 3); floats are taken as 0-1.

    Raises:
        ValueError: The array is no picture.
    """
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] != 3):
        raise ValueError(f"a picture is (H, W), (H, W, 1) or (H, W, 3), got {array.shape}")
    if np.issubdtype(array.dtype, np.floating):
        array = np.round(np.clip(array, 0, 1) * 255)
    return array.astype(np.uint8)


def data_uri(pixels: UInt8[NDArray[Any], "h w *channels"], form: Literal["png", "jpeg"]) -> str:
    """The picture as an address that holds it. JPEG for photos, PNG where pixels matter."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form.upper(), quality=92)
    return f"data:image/{form};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


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
