"""What trained cells say of test images: as they are, and corrupted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from mfclip.bench.cells import Cell, Scoring
from mfclip.bench.experiments import Condition, Protocol
from mfclip.bench.figures import Scored
from mfclip.errors import MissingExtraError, PluginError, UsageError
from mfclip.metrics.operating import OperatingPoints
from mfclip.metrics.scores import ScoreTable, read_scores, write_scores
from mfclip.parts import BuildContext
from mfclip.text import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from mfclip.bench.grid import Grid
    from mfclip.data.manifest import Manifest
    from mfclip.detector.protocols import Corrupts
    from mfclip.inference.loaded import LoadedDetector
    from mfclip.plugins.discovery import Plugins

Score = Callable[[Condition | None], "NDArray[np.float64]"]
"""Log-odds of what a cell tests under a condition, in the manifest's order."""
Open = Callable[[Cell], Score]
"""Makes a trained cell ready to score."""
SEED = 0
"""Of what corruptions draw; the same for every detector, so that all see the same images."""
_TRY = 32
"""Side of the image that a corruption is tried on, pixels."""


def conditions_of(cell: Cell) -> list[Condition]:
    """What a cell's test images are put through, each once; not the images as they are."""
    found = [column.condition for column in cell.experiment.columns]
    return list(dict.fromkeys(condition for condition in found if condition is not None))


def build_corruptions(protocol: Protocol, plugins: Plugins) -> dict[str, Corrupts]:
    """Every corruption that a protocol asks for, tried on an image: before anything is trained.

    Raises
    ------
    UsageError
        For names that no plugin offers.
    MissingExtraError, PluginError
        Where one needs something that is not installed, or does not work.
    """
    asked = {
        column.condition.corruption
        for experiment in protocol.experiments
        for column in experiment.columns
        if column.condition is not None and column.condition.level
    }
    on_offer = [offer.name for offer in plugins.of_kind("corruption")]
    unknown = sorted(asked - set(on_offer))
    if unknown:
        near = did_you_mean(unknown[0], on_offer)
        raise UsageError(
            f"no corruption is called '{unknown[0]}'{near}; installed: {', '.join(on_offer)}"
        )
    return {name: _build(name, plugins) for name in sorted(asked)}


def _build(name: str, plugins: Plugins) -> Corrupts:
    import torch

    offer = plugins.get("corruption", name)
    assert offer is not None
    corruption: Corrupts = offer.schema.model_validate({}).build(BuildContext())
    try:
        corruption(torch.full((3, _TRY, _TRY), 128, dtype=torch.uint8), 1, SEED)
    except MissingExtraError:
        raise
    except Exception as error:
        raise PluginError(
            f"the corruption '{name}' of {offer.distribution} fails on a grey image: {error!r}"
        ) from error
    return corruption


def score_grid(grid: Grid, opener: Open, tell: Callable[[str], None]) -> None:
    """Score the corrupted test images of every trained cell, but for what is scored already."""
    for cell in grid.cells:
        score_cell(grid, cell, opener, tell)


def score_cell(grid: Grid, cell: Cell, opener: Open, tell: Callable[[str], None]) -> None:
    """Score what is not scored of one cell; where that fails, keep the reason."""
    if cell.state() != "finished":  # its training failed
        return
    absent = [one for one in conditions_of(cell) if not _is_scored(grid, cell, one)]
    if not absent:
        return
    tell(f"scoring {len(absent)} corruptions and levels: {cell.name}")
    try:
        score = opener(cell)
        for condition in absent:
            _keep(grid, cell, condition, score(condition))
    except Exception as error:
        tell(f"failed: {cell.name}: {cell.fail(error)}")


def is_scored(grid: Grid, cell: Cell) -> bool:
    """Whether a trained cell has the scores of everything that it tests."""
    return all(_is_scored(grid, cell, one) for one in conditions_of(cell))


def _scoring(grid: Grid, cell: Cell) -> Scoring:
    about = cell.about()
    assert about is not None
    size = grid.protocol.options.size
    return Scoring(size=size, seed=SEED, weights_sha256=about.weights_sha256)


def _is_scored(grid: Grid, cell: Cell, condition: Condition) -> bool:
    record = cell.record()
    assert record is not None
    same = record.scored.get(condition.slug) == _scoring(grid, cell)
    return same and cell.scores(condition).is_file()


def _keep(grid: Grid, cell: Cell, condition: Condition, log_odds: NDArray[np.float64]) -> None:
    """Write the scores, then that they are there."""
    images = cell.experiment.tested(cell.manifest.of_split("test"), condition)
    table = ScoreTable.from_manifest(images, log_odds)
    write_scores(table, operating_of(cell), cell.scores(condition))
    record = cell.record()
    assert record is not None
    scored = {**record.scored, condition.slug: _scoring(grid, cell)}
    cell.write(record.model_copy(update={"scored": scored, "failed": ""}))


def read_scored(cell: Cell) -> Scored | None:
    """The scores of a cell under every condition of its experiment; None where it failed."""
    if cell.failed:
        return None
    asked = {column.condition for column in cell.experiment.columns}
    return Scored(operating_of(cell), {one: read_scores(cell.scores(one)) for one in asked})


def operating_of(cell: Cell) -> OperatingPoints:
    """What was fitted on the validation images of a cell."""
    about = cell.about()
    assert about is not None
    return about.operating


def opener(
    corruptions: Mapping[str, Corrupts],
    size: int | None,
    *,
    device: str,
    registry: str | None,
    progress: Callable[[int, int], None] | None = None,
) -> Open:
    """Loads the bundles of cells."""

    def opened(cell: Cell) -> Score:
        from mfclip.inference.loaded import load

        loaded = load(cell.bundle, device, registry=registry)
        test = cell.manifest.of_split("test")
        tested = partial(cell.experiment.tested, test)
        return score_with(loaded, tested, corruptions, size, progress)

    return opened


def score_with(
    loaded: LoadedDetector,
    tested: Callable[[Condition | None], Manifest],
    corruptions: Mapping[str, Corrupts],
    size: int | None,
    progress: Callable[[int, int], None] | None = None,
) -> Score:
    """A loaded detector as a function of the condition; ``tested`` says on which images."""
    from mfclip.inference.corrupted import corrupted_log_odds
    from mfclip.inference.predict import predict_with

    training = loaded.recipe.training
    assert training is not None

    def score(condition: Condition | None) -> NDArray[np.float64]:
        batch_size, workers = training.batch_size, training.workers
        images = tested(condition)
        if condition is None:
            return predict_with(
                loaded.predictor, images, batch_size=batch_size, workers=workers, progress=progress
            )
        return corrupted_log_odds(
            loaded.predictor,
            images,
            corruptions[condition.corruption] if condition.level else _untouched,
            condition.level,
            seed=SEED,
            size=size,
            batch_size=batch_size,
            workers=workers,
            progress=progress,
        )

    return score


def _untouched(image: Tensor, level: int, seed: int) -> Tensor:
    """Level 0: the image, at the stated size."""
    return image
