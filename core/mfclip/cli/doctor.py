"""``mfclip doctor``: what is installed, what it runs on, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from mfclip.cli.options import Registry

_INTRO = "All of this can be pasted into a bug report; your home folder is written as ~."


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Fail where anything is wrong.")] = False,
    registry: Registry = None,
) -> None:
    """Show versions, devices, extras, plugins and every fault, each with its next step."""
    from mfclip.doctor.examine import examine
    from mfclip.errors import PluginError

    report = examine(Path(registry) if registry else None)
    if as_json:
        typer.echo(json.dumps(report.as_dict(), indent=2))
    else:
        typer.echo(f"{_INTRO}\n\n{report.as_markdown()}")
    if strict and report.faults:
        raise PluginError(f"mfclip doctor found {len(report.faults)} faults, told above")
