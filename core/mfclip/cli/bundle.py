"""``mfclip bundle light|whole``: bundles with and without what pretrained weights give."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mfclip.cli.options import Registry

Folder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder that a build wrote.")]
Out = Annotated[Path | None, typer.Option("--out", help="Another folder.  [default: in place]")]


def light(bundle: Folder, out: Out = None, registry: Registry = None) -> None:
    """Leave out of a bundle what it has, unchanged, from the pretrained weights it names.

    Where little of a tower was tuned, a few hundred KB are left of hundreds of MB. It scores the
    same to the last bit, and needs the same weights wherever it is loaded.
    """
    _convert(bundle, out, registry, light=True)


def whole(bundle: Folder, out: Out = None, registry: Registry = None) -> None:
    """Put back into a light bundle what it leaves to pretrained weights, so that it needs none."""
    _convert(bundle, out, registry, light=False)


def _convert(folder: Path, out: Path | None, registry: str | None, *, light: bool) -> None:
    from mfclip.bundle.convert import convert
    from mfclip.bundle.folder import read_bundle
    from mfclip.recipe.registry import read_registry

    catalogue = read_registry(Path(registry) if registry else None)
    found = read_bundle(folder, registry=catalogue)
    destination = folder if out is None else out
    size = convert(found, destination, light=light)
    typer.echo(f"bundle: {destination}")
    typer.echo(f"size:   {size}")


def bundle_tree() -> typer.Typer:
    """The commands below ``mfclip bundle``."""
    app = typer.Typer(
        help="Make bundles light, and whole again.", no_args_is_help=True, rich_markup_mode=None
    )
    app.command("light")(light)
    app.command("whole")(whole)
    return app
