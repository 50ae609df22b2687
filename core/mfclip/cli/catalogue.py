"""``mfclip parts``, ``mfclip assemblies`` and ``mfclip schema``: what is on offer. No torch."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mfclip.cli.options import Registry
from mfclip.text import aligned

if TYPE_CHECKING:
    from mfclip.plugins.discovery import BrokenPlugin, Offer, PluginRemark, Plugins

AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Fail where a plugin is not sound.")]


def parts(as_json: AsJson = False, strict: Strict = False, registry: Registry = None) -> None:
    """List every installed part: kind, name, owner, paper section; and plugins that broke."""
    plugins = _plugins(registry)
    if as_json:
        typer.echo(json.dumps(_as_dict(plugins), indent=2))
    else:
        _print_parts(plugins)
    if strict:
        plugins.require_all()
    elif not as_json:
        _print_faults(plugins)


def assemblies(as_json: AsJson = False, registry: Registry = None) -> None:
    """List the named assemblies that a recipe can start from."""
    from mfclip.recipe.registry import read_registry

    found = read_registry(Path(registry) if registry else None).assemblies
    if as_json:
        rows = {name: {"summary": a.summary, "paper": a.paper} for name, a in found.items()}
        typer.echo(json.dumps(rows, indent=2))
        return
    wide = max(map(len, found), default=0)
    for name, assembly in found.items():
        paper = f"  [{assembly.paper}]" if assembly.paper else ""
        typer.echo(f"{name:<{wide}}  {assembly.summary}{paper}")


def schema(
    out: Annotated[
        Path | None, typer.Option("--out", help="Write to this file, not to the terminal.")
    ] = None,
    registry: Registry = None,
) -> None:
    """Print the JSON Schema of a recipe over the installed parts, for editors and checks."""
    from mfclip.recipe.registry import plugins_for, read_registry
    from mfclip.recipe.schema import json_schema

    catalogue = read_registry(Path(registry) if registry else None)
    text = json.dumps(json_schema(plugins_for(catalogue), catalogue), indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        from mfclip.files import write_text

        write_text(out, text)
        typer.echo(f"wrote {out}")


def _plugins(registry: str | None) -> Plugins:
    from mfclip.recipe.registry import plugins_for, read_registry

    return plugins_for(read_registry(Path(registry) if registry else None))


def _as_dict(plugins: Plugins) -> dict[str, Any]:
    return {
        "parts": [
            {
                "kind": offer.kind,
                "name": offer.name,
                "plugin": offer.plugin,
                "distribution": offer.distribution,
                "version": offer.version,
                "paper": offer.schema.paper,
                "summary": _summary(offer),
                **_origin(offer),
            }
            for offer in plugins.offers
        ],
        "broken": list(map(_fault, plugins.broken)),
        "remarks": list(map(_fault, plugins.remarks)),
        "disabled": list(plugins.disabled),
    }


def _origin(offer: Offer) -> dict[str, Any]:
    """Of a published system, where it is from and how sure each fact about it is."""
    from mfclip.parts import Detector

    origin = offer.schema.origin if issubclass(offer.schema, Detector) else None
    return {"origin": asdict(origin)} if origin else {}


def _fault(fault: BrokenPlugin | PluginRemark) -> dict[str, str]:
    return {
        "plugin": fault.name,
        "distribution": fault.distribution,
        "version": fault.version,
        "reason": fault.reason,
        "next_step": fault.next_step,
    }


def _print_parts(plugins: Plugins) -> None:
    rows = [("KIND", "NAME", "OWNER", "PAPER", "WHAT IT IS")]
    rows += [
        (o.kind, o.name, f"{o.distribution} {o.version}", o.schema.paper or "-", _summary(o))
        for o in plugins.offers
    ]
    for cells in aligned(rows):
        typer.echo("  ".join(cells).rstrip())


def _print_faults(plugins: Plugins) -> None:
    """On stderr, what did not load before what only wants a change."""
    for broken in plugins.broken:
        typer.echo(f"broken: {broken}", err=True)
    for remark in plugins.remarks:
        typer.echo(f"warning: {remark}", err=True)


def _summary(offer: Offer) -> str:
    """First line of the schema's docstring."""
    return (offer.schema.__doc__ or "").strip().partition("\n")[0]
