"""The grid: every experiment with every detector and seed, trained once and used again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfclip.bench.cells import Cell, CellRecord, Identity
from mfclip.bench.detectors import Candidate
from mfclip.bench.experiments import Experiment, Protocol
from mfclip.building.reading import dataset_of
from mfclip.data.kinds import Kinds
from mfclip.data.manifest import Manifest, write_manifest
from mfclip.errors import PluginError, UsageError
from mfclip.locks import holding

if TYPE_CHECKING:
    from mfclip.plugins.discovery import Plugins
    from mfclip.recipe.model import Recipe

Trainer = Callable[[Cell], str]
"""``trainer(cell)`` leaves a complete bundle in the cell's folder, going on with an unfinished run
beside it, and returns what it trained on, such as ``cuda``."""
Tell = Callable[[str], None]
"""Is told what begins, in a line."""


@dataclass(frozen=True)
class Grid:
    """Cells of a protocol, in the order in which they are trained."""

    out: Path
    protocol: Protocol
    candidates: tuple[Candidate, ...]
    seeds: tuple[int, ...]
    manifest: Manifest
    """All the data, every row with its split."""
    cells: tuple[Cell, ...]
    manifests: Mapping[Path, Manifest] = field(repr=False)
    """What is trained on by the file it is written to."""
    absent: Mapping[str, str] = field(default_factory=dict)
    """Detectors that were asked for and cannot be read, with the reason."""

    def cell(self, experiment: Experiment, detector: str, seed: int) -> Cell:
        """One cell by what makes it."""
        return next(
            cell
            for cell in self.cells
            if (cell.experiment, cell.detector, cell.seed) == (experiment, detector, seed)
        )

    def failures(self) -> dict[str, str]:
        """Why cells failed, by name; before them, detectors that have no cell."""
        failed = {cell.name: cell.failed for cell in self.cells}
        return {**self.absent, **{name: why for name, why in failed.items() if why}}

    def changed(self) -> dict[str, list[str]]:
        """Cells that were begun with something else, by name, and what changed."""
        found = {cell.name: cell.changes() for cell in self.cells}
        return {name: changes for name, changes in found.items() if changes}


def make_grid(
    protocol: Protocol,
    candidates: Sequence[Candidate],
    seeds: Sequence[int],
    manifest: Manifest,
    out: Path,
    plugins: Plugins,
    absent: Mapping[str, str] | None = None,
) -> Grid:
    """Lay out the cells. Nothing is written and nothing is trained.

    Raises
    ------
    UsageError
        For no seed, or one named twice.
    PluginError
        Where the part that reads a manifest is not installed.
    """
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise UsageError(
            f"seeds should be whole numbers from 0, each once, such as 0,1,2; got {list(seeds)}"
        )
    out, kinds = out.resolve(), Kinds.of(manifest)
    manifests = {
        manifest_file(out, experiment): training_manifest(kinds, experiment)
        for experiment in protocol.experiments
    }
    identities = [Identity(own, plugins) for own in manifests.values()]
    cells: list[Cell] = []
    # Seeds are the outermost loop: an interrupted grid is complete for the first seeds.
    for seed in seeds:
        for experiment, file, identity in zip(
            protocol.experiments, manifests, identities, strict=True
        ):
            for candidate in candidates:
                recipe = _recipe(candidate, seed, file, identity.manifest, plugins)
                found = Cell(
                    out=out,
                    experiment=experiment,
                    detector=candidate.name,
                    slug=candidate.slug,
                    seed=seed,
                    recipe=recipe,
                    manifest=identity.manifest,
                    identity=identity.of(recipe),
                    synthetic=candidate.recipe.data is not None and candidate.recipe.data.synthetic,
                )
                cells.append(found)
    grid = (out, protocol, tuple(candidates), tuple(seeds), manifest, tuple(cells), manifests)
    return Grid(*grid, absent or {})


def manifest_file(out: Path, experiment: Experiment) -> Path:
    """Where the rows that an experiment is trained on are written, in the folder of a grid."""
    return out / "manifests" / f"{experiment.slug}.csv"


def training_manifest(kinds: Kinds, experiment: Experiment) -> Manifest:
    """What a cell is built from: rows of train and val that are selected, and all of test.

    The build scores its test split once; each column of a table is a part of those scores.
    """
    taken = kinds.only(
        lambda kind: kind.split == "test" or (kind.split != "" and experiment.train.takes(kind))
    )
    return Manifest(taken.root.resolve(), taken.rows)


@contextmanager
def holding_seeds(out: Path, seeds: Sequence[int]) -> Iterator[None]:
    """Within the block, nobody else trains cells of these seeds in the folder of a grid.

    Other seeds may be trained there at the same time. Raises :class:`UsageError` where somebody
    trains one of these.
    """
    place = out.resolve()
    with ExitStack() as stack:
        for seed in sorted(set(seeds)):
            # Beside the folder, which is not to be there before its first training.
            stack.enter_context(holding(place.with_name(f"{place.name}.seed-{seed}")))
        yield


def run_grid(grid: Grid, trainer: Trainer, tell: Tell, *, restart: bool = False) -> None:
    """Train every cell that is not finished; one that fails does not stop the others.

    Whatever was done before stays: a finished cell is used as it is, an unfinished one goes on.
    Safe to interrupt at any moment and to run again, which tries again what failed.

    Raises
    ------
    UsageError
        Where cells were begun with something else, unless ``restart`` allows to discard those.
    """
    changed = require_unchanged(grid, restart=restart)
    write_manifests(grid)
    for number, cell in enumerate(grid.cells, 1):
        place = f"cell {number} of {len(grid.cells)}: {cell.name}"
        discard = cell.name in changed
        if cell.state() == "finished" and not discard:
            tell(f"{place}: finished before")
            finish_cell(cell)
            continue
        tell(place)
        if discard:
            cell.begin(restart=True)
        train_cell(cell, trainer, tell)


def write_manifests(grid: Grid) -> None:
    """Write what is trained on."""
    for file, manifest in grid.manifests.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_manifest(manifest, file)


def train_cell(cell: Cell, trainer: Trainer, tell: Tell) -> None:
    """Train one cell; where that fails, keep the reason and leave the others to their turn."""
    if cell.state() == "new":
        cell.begin(restart=False)
    started = time.monotonic()
    try:
        device = trainer(cell)
    except Exception as error:
        tell(f"failed: {cell.name}: {cell.fail(error)}")
    else:
        finish_cell(cell, time.monotonic() - started, device)


def require_unchanged(grid: Grid, *, restart: bool) -> dict[str, list[str]]:
    """Cells that were begun with something else, by name; raises where those may not go."""
    changed = grid.changed()
    if changed and not restart:
        raise UsageError(_refusal(grid, changed))
    return changed


def finish_cell(cell: Cell, seconds: float | None = None, device: str = "") -> None:
    """Note the end of a cell; one that was killed just before its note is completed later."""
    record, about = cell.record(), cell.about()
    assert record is not None
    assert about is not None, f"the trainer left no bundle in {cell.bundle}"
    if record.weights_sha256 == about.weights_sha256:
        return
    cell.write(
        CellRecord(
            identity=record.identity,
            weights_sha256=about.weights_sha256,
            seconds=seconds,
            device=device,
        )
    )


def _recipe(
    candidate: Candidate, seed: int, file: Path, manifest: Manifest, plugins: Plugins
) -> Recipe:
    """The detector's recipe with a seed and a training set of its own."""
    recipe = candidate.recipe
    offer = plugins.get("dataset", "manifest")
    if offer is None:
        raise PluginError("no plugin offers the dataset 'manifest'; reinstall mfclip")
    assert recipe.data is not None
    assert recipe.training is not None
    table: dict[str, Any] = {
        "root": manifest.root,
        "file": file,
        "findings": recipe.data.findings,
        "reencode": recipe.data.reencode,
    }
    return recipe.model_copy(
        update={
            "name": candidate.name,
            "data": dataset_of(offer, **table),
            "training": recipe.training.model_copy(update={"seed": seed}),
        }
    )


def _refusal(grid: Grid, changed: Mapping[str, Sequence[str]]) -> str:
    lines = [f"{grid.out} holds {len(changed)} cells that were begun with something else:"]
    for name, changes in changed.items():
        lines += [f"  {name}:", *(f"    {change}" for change in changes[:10])]
        if len(changes) > 10:
            lines.append(f"    ... and {len(changes) - 10} more changes")
    lines.append(
        "choose another folder with --out, go back to what they were begun with, or discard and "
        "train these cells anew with --restart"
    )
    return "\n".join(lines)
