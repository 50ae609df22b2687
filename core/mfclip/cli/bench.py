"""``mfclip bench``: the paper's protocols on anyone's data, and the check of published tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mfclip.cli import bench_options
from mfclip.cli.bench_detectors import Asked, candidates_of
from mfclip.cli.bench_helpers import helpers_of
from mfclip.cli.interrupts import goes_on
from mfclip.cli.options import Device, Precision, Registry
from mfclip.errors import SomeCellsFailed, TablesDiffer, UsageError

if TYPE_CHECKING:
    from mfclip.bench.protocols import Options
    from mfclip.bench.run import Outcome
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.registry import Registry as Catalogue

OUT = Path("runs/bench")
"""Where everything goes without ``--out``."""


def bench(
    context: typer.Context,
    recipe: bench_options.Recipes = None,
    protocol: bench_options.ProtocolName = None,
    seeds: bench_options.Seeds = "0",
    out: bench_options.Out = None,
    settings: bench_options.Settings = None,
    detector: bench_options.Detectors = None,
    systems: bench_options.Systems = None,
    small: bench_options.Small = False,
    variants: bench_options.Variants = None,
    only: bench_options.Only = None,
    reals: bench_options.Reals = "same-group",
    inside: bench_options.Inside = "forgery",
    leave: bench_options.Leave = "generator",
    among: bench_options.Among = None,
    train: bench_options.Train = None,
    corruption: bench_options.Corruptions = None,
    levels: bench_options.Levels = "1,2,3,4,5",
    size: bench_options.Size = None,
    plan: bench_options.Plan = False,
    restart: bench_options.Restart = False,
    workers: bench_options.Workers = 1,
    image_side_only: bench_options.ImageSideOnly = False,
    light: bench_options.Light = False,
    verify: bench_options.Verify = None,
    root: bench_options.Root = None,
    tolerance: bench_options.Tolerance = 1e-3,
    device: Device = "auto",
    precision: Precision = None,
    registry: Registry = None,
    as_helper: bench_options.Helping = False,
) -> None:
    """Train and test a grid of detectors by a protocol of the paper, and print its tables.

    Everything is checked before the first training. Finished trainings are used again, an
    unfinished one goes on: interrupt it and run the same command again. A training that fails
    stops no other; it is told in the tables, the next run tries it again, and the exit code is 11.
    With --workers several processes take the cells in turn.
    Tables are written as Markdown, CSV, LaTeX and HTML, with a record that --verify can check.
    """
    if verify is not None:
        return _verify(verify, root, tolerance, device, precision, registry)
    protocol = _required(protocol)
    changes = [*(settings or []), *([f"training.precision={precision}"] if precision else [])]
    catalogue, plugins = _plugins(registry)
    title, found, absent = candidates_of(
        Asked(recipe or [], detector or [], variants, only or [], systems or [], small),
        changes,
        plugins,
        catalogue,
    )
    numbers = _numbers("--seeds", seeds)
    options = _options(
        reals, inside, leave, among or [], train or [], corruption or [], levels, size
    )
    from mfclip.bench.engine import engine
    from mfclip.bench.helpers import end_with_parent, take_cells
    from mfclip.bench.planned import planned
    from mfclip.bench.run import lay_out, run
    from mfclip.bench.scoring import build_corruptions
    from mfclip.cli.console import ConsoleEvents

    with ConsoleEvents() as events:
        grid = lay_out(protocol, found, numbers, out or OUT, plugins, events, options, absent)
        corruptions = build_corruptions(grid.protocol, plugins)
        if plan:
            for line in planned(grid, plugins):
                typer.echo(line)
            return
        hands = engine(
            plugins,
            corruptions,
            grid.protocol.options.size,
            events,
            device=device,
            registry=registry,
            text_side=not image_side_only,
            light=light,
        )
        if as_helper:
            end_with_parent()
            return take_cells(grid, hands, events.stage)
        helpers = helpers_of(context, workers, device)
        with goes_on("the same command goes on from here"):
            outcome = run(grid, events, hands, restart=restart, title=title, helpers=helpers)
    _tell(outcome)


def _required(protocol: str | None) -> str:
    if protocol is None:
        raise UsageError(
            f"--protocol is missing: {bench_options.PROTOCOLS}; or check tables with --verify DIR"
        )
    return protocol


def _plugins(registry: str | None) -> tuple[Catalogue, Plugins]:
    from mfclip.recipe.registry import plugins_for, read_registry

    catalogue = read_registry(Path(registry) if registry else None)
    plugins = plugins_for(catalogue)
    for fault in (*plugins.broken, *plugins.remarks):
        typer.echo(f"warning: {fault}", err=True)
    return catalogue, plugins


def _options(
    reals: str,
    inside: str,
    leave: str,
    among: list[str],
    train: list[str],
    corruptions: list[str],
    levels: str,
    size: int | None,
) -> Options:
    from pydantic import ValidationError

    from mfclip.bench.protocols import SEVEN, Options

    try:
        return Options.model_validate(
            {
                "reals": reals,
                "inside": tuple(word.strip() for word in inside.split(",") if word.strip()),
                "leave": leave,
                "among": tuple(map(_condition, among)),
                "train": tuple(train),
                "corruptions": tuple(corruptions) or SEVEN,
                "levels": _numbers("--levels", levels),
                "size": size,
            }
        )
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"--{first['loc'][0]}: {first['msg']}, got {first['input']!r}") from error


def _condition(text: str) -> dict[str, str]:
    column, equals, value = text.partition("=")
    if not equals or not value.strip():
        raise UsageError(f"--among should be COLUMN=VALUE, such as forgery=EFS; got {text!r}")
    return {"column": column.strip(), "value": value.strip()}


def _numbers(option: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in text.split(","))
    except ValueError as error:
        raise UsageError(f"{option} should be whole numbers, such as 0,1; got {text!r}") from error


def _tell(outcome: Outcome) -> None:
    from mfclip.bench.text import to_markdown

    for table in outcome.record.tables:
        typer.echo(to_markdown(table))
    typer.echo(f"wrote {outcome.folder / 'index.html'}", err=True)
    failed = outcome.record.failed
    if failed:
        lines = [f"{name}: {reason}" for name, reason in failed.items()]
        raise SomeCellsFailed(
            "\n".join(["no figures of these; the same command tries them again:", *lines])
        )


def _verify(
    folder: Path,
    root: Path | None,
    tolerance: float,
    device: str,
    precision: str | None,
    registry: str | None,
) -> None:
    from mfclip.bench.record import read_record
    from mfclip.bench.scoring import build_corruptions
    from mfclip.bench.verify import POINTS, records_in, verify

    _, plugins = _plugins(registry)
    differences: list[str] = []
    for file in records_in(folder):
        found = verify(
            file,
            build_corruptions(read_record(file).study.protocol, plugins),
            device=device,
            precision=precision,
            registry=registry,
            root=root,
            tolerance=tolerance,
            tell=lambda text: typer.echo(text, err=True),
        )
        differences += found.differences
        typer.echo(
            f"{file.parent}: compared {found.images} scores (largest difference "
            f"{found.largest:.2g}, allowed {tolerance:g}) and {found.entries} figures "
            f"(allowed {POINTS:g} points): {len(found.differences)} differences"
        )
    if differences:
        raise TablesDiffer("\n".join(["the tables are not what the bundles give:", *differences]))
