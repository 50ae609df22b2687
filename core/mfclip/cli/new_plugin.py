"""``mfclip new-plugin``: a complete package that offers one part. No torch."""

from __future__ import annotations

import shlex
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mfclip.scaffold.write import NewPlugin


# Written out: the help must not load pydantic, nor `mfclip doctor` depend on it.
KINDS = "encoder|prompts|alignment|loss|detector|dataset|corruption|input|pseudo-fake|locator"


def new_plugin(
    name: Annotated[str, typer.Argument(help="Name of the package, e.g. acme-encoder.")],
    kind: Annotated[str, typer.Option("--kind", metavar=KINDS, help="What its part is to be.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to make the package in.")] = Path(),
) -> None:
    """Write a new plugin package: typed, tested, ready to install, with a part that works.

    Its tests pass as it is. Change the part into yours.
    """
    from mfclip.scaffold.write import new_plugin as write

    _tell(kind, write(name, kind, out))


def _tell(kind: str, made: NewPlugin) -> None:
    """What there is now, and what to do with it."""
    typer.echo(f"wrote {made.folder}: {kind} '{made.part}', {len(made.files)} files")
    typer.echo("next:")
    typer.echo(f"  {shlex.join(('cd', str(made.folder)))}")
    typer.echo("  python -m pip install -e '.[test]'")
    typer.echo("  python -m pytest")
    if made.fragment:
        typer.echo("and in a recipe (recipe.toml is one):")
        typer.echo(indent(made.fragment, "  "), nl=False)
