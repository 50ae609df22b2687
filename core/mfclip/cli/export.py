"""``mfclip export``: a bundle as a model of another runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from mfclip.cli.options import Registry

Target = Literal["onnx", "openvino", "transformers"]
Arithmetic = Literal["fp32", "bf16", "int8"]


def export(
    bundle: Annotated[Path, typer.Argument(help="Folder that mfclip-build wrote.")],
    out: Annotated[Path, typer.Argument(help="A file NAME.onnx; else a folder that is not there.")],
    to: Annotated[Target, typer.Option("--to", help="What to write.")],
    images: Annotated[
        list[str] | None,
        typer.Option(
            "--images",
            metavar="PATH",
            help="Files, folders or globs to compare on, again and again. Default: drawn pictures.",
        ),
    ] = None,
    arithmetic: Annotated[
        Arithmetic,
        typer.Option("--arithmetic", help="Of an OpenVINO model; int8 needs --images."),
    ] = "fp32",
    tolerance: Annotated[
        float | None,
        typer.Option(
            "--tolerance",
            min=0,
            max=1,
            help="Largest difference of p_fake that is let through. Default: 0.001; 0.02 in bf16, "
            "0.05 in int8.",
        ),
    ] = None,
    registry: Registry = None,
) -> None:
    """Write a detector for onnxruntime, OpenVINO or transformers, compared with its bundle.

    The detector's own normalisation, patch selection and filters are inside the model; decoding
    and resizing are not. The model takes its place only where its scores are the bundle's.
    """
    from mfclip.bundle.description import require_bases
    from mfclip.bundle.folder import read_bundle
    from mfclip.errors import UsageError
    from mfclip.exporting import pictures
    from mfclip.exporting.run import check_place
    from mfclip.exporting.run import export as write
    from mfclip.recipe.registry import read_registry

    check_place(out, to, arithmetic)
    if arithmetic == "int8" and not images:
        raise UsageError(
            "an int8 model takes its ranges from images of the kind that it will score; name them "
            "with --images"
        )
    found = read_bundle(bundle, registry=read_registry(Path(registry) if registry else None))
    require_bases(found.about, found.recipe)
    settings = found.recipe.preprocessing
    shown = (
        pictures.given(images, settings.smallest, settings.frames)
        if images
        else pictures.drawn(settings.frames, settings.size)
    )
    if shown.left_out:
        typer.echo(f"left out: {shown.left_out} of --images, which cannot be scored", err=True)
    done = write(found, out, to, shown, arithmetic=arithmetic, tolerance=tolerance)
    for note in done.notes:
        typer.echo(note, err=True)
    typer.echo(f"{done.difference}", err=True)
    typer.echo(f"wrote {out}", err=True)
