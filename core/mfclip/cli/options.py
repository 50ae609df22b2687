"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Device = Annotated[
    str, typer.Option("--device", metavar="auto|cpu|cuda[:N]", help="Where to compute.")
]
Registry = Annotated[
    str | None,
    typer.Option("--registry", metavar="FILE", help="A registry file of your own, added to ours."),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="auto|fp32|bf16",
        help="Arithmetic. Default: that in which the bundle's threshold and figures were made.",
    ),
]
Runtime = Annotated[
    Literal["auto", "fused", "torch"],
    typer.Option(
        "--runtime",
        help="What runs the layers. Default: the fastest that can run here.",
    ),
]
AnyRuntime = Annotated[
    Literal["auto", "fused", "torch", "openvino", "onnx"],
    typer.Option(
        "--runtime",
        help="What runs the layers. Default: the fastest that can run here. For openvino and "
        "onnx the bundle is exported first, and the model kept.",
    ),
]
TrustAnchors = Annotated[
    Path | None,
    typer.Option(
        "--trust-anchors",
        metavar="FILE.pem",
        help="With --credentials: certificates whose signatures are trusted.",
    ),
]
