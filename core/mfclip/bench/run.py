"""One benchmark from its recipes to its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mfclip.bench.cells import Cell
from mfclip.bench.detectors import Candidate
from mfclip.bench.drawings import PAINTER, painter
from mfclip.bench.engine import Engine
from mfclip.bench.grid import Grid, holding_seeds, make_grid, require_unchanged, run_grid
from mfclip.bench.helpers import Helper, run_grid_with
from mfclip.bench.planned import remarks_on
from mfclip.bench.protocols import Options, make_protocol
from mfclip.bench.record import BenchRecord, CellFacts, DetectorCost
from mfclip.bench.scoring import conditions_of, read_scored, score_grid
from mfclip.bench.study import Study
from mfclip.bench.tables import make_tables
from mfclip.bench.writing import write_record
from mfclip.building.reading import read_data
from mfclip.bundle.description import versions
from mfclip.data.audit import audit
from mfclip.data.audit.refusal import require_sound
from mfclip.data.kind_folds import kind_folds
from mfclip.data.manifest import NAMED_SPLITS
from mfclip.errors import DataError, SomeCellsFailed
from mfclip.files import sha256

if TYPE_CHECKING:
    from mfclip.building.events import BuildEvents
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe


@dataclass(frozen=True)
class Outcome:
    """What a finished benchmark leaves."""

    record: BenchRecord
    folder: Path
    """Of the tables, in every form, and of the record."""


def lay_out(
    name: str,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    out: Path,
    plugins: Plugins,
    events: BuildEvents,
    options: Options | None = None,
    absent: Mapping[str, str] | None = None,
) -> Grid:
    """Read the data and lay out the cells; nothing is written and nothing trained.

    ``absent`` are detectors that were asked for and cannot be read, with the reason.

    Raises
    ------
    DataError
        Where the data cannot be read, or their labels do not allow the protocol, or what a recipe
        leaves out to choose by.
    UsageError
        For unknown names.
    """
    events.stage("Reading the data")
    manifest = read_data(candidates[0].recipe, events.step)
    protocol = make_protocol(name, manifest, options)
    grid = make_grid(protocol, candidates, seeds, manifest, out, plugins, absent)
    check_folds(grid.cells)
    return grid


def check_folds(cells: Iterable[Cell]) -> None:
    """Raise where a cell's recipe is chosen by kinds left out, and its rows do not allow that."""
    for cell in cells:
        column = cell.recipe.training.left_out if cell.recipe.training else None
        if column is not None:
            try:
                kind_folds(cell.manifest, column)
            except DataError as error:
                raise DataError(f"{cell.name}: {error}") from error


def run(
    grid: Grid,
    events: BuildEvents,
    engine: Engine,
    *,
    restart: bool = False,
    title: str = "",
    helpers: Sequence[Helper] = (),
) -> Outcome:
    """Check the data, train what is not finished, score, and write the tables.

    Parameters
    ----------
    restart
        Discard cells that were begun with something else, instead of refusing.
    title
        Of the ablation whose variants the detectors are.
    helpers
        Processes that train and score in place of this one.

    Raises
    ------
    UsageError
        Where the folder holds cells that were begun with something else, or another process trains
        cells of these seeds there.
    DataError
        Where the data check finds errors.
    SomeCellsFailed
        Where every training failed, so that there is no table. Where some did, the record has them.
    """
    with holding_seeds(grid.out, grid.seeds):
        require_unchanged(grid, restart=restart)
        if any(cell.state() != "finished" for cell in grid.cells):
            check_data(grid, events)
            for text in remarks_on(grid):
                events.note(text)
        if helpers:
            run_grid_with(grid, helpers, events.stage, restart=restart)
        else:
            run_grid(grid, engine.train, events.stage, restart=restart)
            score_grid(grid, engine.open, events.stage)
        return _tabulate(grid, events, engine, title)


def _tabulate(grid: Grid, events: BuildEvents, engine: Engine, title: str) -> Outcome:
    if all(cell.failed for cell in grid.cells):
        raise SomeCellsFailed("\n".join(["every training failed:", *failures_of(grid.failures())]))
    events.stage("Making the tables")
    found = record(grid, engine, title)
    folder = grid.out / "tables" / found.study.slug
    write_record(folder, found)
    return Outcome(found, folder)


def check_data(grid: Grid, events: BuildEvents) -> None:
    """Raise where the data check finds errors, unless the recipe overrules them.

    All the data at once: what is wrong with a part of them is wrong with them.
    """
    data = grid.candidates[0].recipe.data
    assert data is not None
    events.stage("Checking the data")
    found = audit(grid.manifest, progress=events.step, reencode=data.reencode)
    events.audit(found)
    require_sound(found, data.findings)


def record(grid: Grid, engine: Engine, title: str = "") -> BenchRecord:
    """The tables of a grid whose cells are all trained and scored, and where they are from."""
    study, failed = _study(grid, title), grid.failures()
    tables = make_tables(
        study, lambda experiment, name, seed: read_scored(grid.cell(experiment, name, seed))
    )
    told = tuple(f"Failed: {line}." for line in failures_of(failed))
    return BenchRecord(
        study=study,
        recipes={one.name: _recipe_text(one.recipe) for one in grid.candidates},
        costs=_costs(grid, engine),
        versions={**versions(), **_versions(grid), PAINTER: painter()},
        root=str(grid.manifest.root.resolve()),
        fingerprint=grid.manifest.fingerprint(),
        images={
            split: len([r for r in grid.manifest.rows if r.split == split])
            for split in NAMED_SPLITS
        },
        manifests={_below(grid, file): sha256(file) for file in grid.manifests},
        cells=tuple(_facts(grid, cell) for cell in grid.cells if not cell.failed),
        tables=tuple(
            table.model_copy(update={"caption": (*table.caption, *told)}) for table in tables
        ),
        failed=failed,
    )


def failures_of(failed: Mapping[str, str]) -> list[str]:
    """What failed and why, one line each."""
    return [f"{name}: {reason.rstrip('.')}" for name, reason in failed.items()]


def _study(grid: Grid, title: str) -> Study:
    recipe = grid.candidates[0].recipe
    return Study(
        title=title,
        protocol=grid.protocol,
        detectors=tuple(one.name for one in grid.candidates),
        seeds=grid.seeds,
        evaluation=recipe.evaluation,
        grouped=any(row.group for row in grid.manifest.rows),
        synthetic=recipe.data is not None and recipe.data.synthetic,
        corrupted_with={
            one.name: corruptions
            for one in grid.candidates
            if (corruptions := _corruptions(one.recipe))
        },
    )


def _corruptions(recipe: Recipe) -> tuple[str, ...]:
    """What the training images are changed by."""
    settings = recipe.augmentation
    if settings is None or not settings.corrupted:
        return ()
    return tuple(dict.fromkeys(part.use for part in settings.corruptions))


def _facts(grid: Grid, cell: Cell) -> CellFacts:
    known = cell.record()
    assert known is not None
    files = {
        condition.slug if condition else "": _below(grid, cell.scores(condition))
        for condition in (None, *conditions_of(cell))
    }
    return CellFacts(
        experiment=cell.experiment.slug,
        detector=cell.detector,
        seed=cell.seed,
        bundle=_below(grid, cell.bundle),
        weights_sha256=known.weights_sha256,
        seconds=known.seconds,
        device=known.device,
        scores={name: sha256(grid.out / name) for name in files.values()},
        conditions=files,
    )


def _costs(grid: Grid, engine: Engine) -> dict[str, DetectorCost]:
    """Of each detector, by its first cell that did not fail."""
    first = {cell.detector: cell for cell in reversed(grid.cells) if not cell.failed}
    return {one.name: engine.cost(first[one.name]) for one in grid.candidates if one.name in first}


def _recipe_text(recipe: Recipe) -> str:
    """Without the place of the data: the record has their fingerprint, and readers other places."""
    from mfclip.recipe.render import to_toml

    return to_toml(recipe.model_copy(update={"data": None}))


def _versions(grid: Grid) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for cell in grid.cells:
        found |= cell.identity["versions"]
    return found


def _below(grid: Grid, path: Path) -> str:
    return path.relative_to(grid.out).as_posix()
