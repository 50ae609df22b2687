"""The three things of a benchmark that compute: training, scoring, counting a detector's cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfclip.bench.cells import Cell
from mfclip.bench.grid import Trainer
from mfclip.bench.record import DetectorCost
from mfclip.bench.scoring import Open, opener

if TYPE_CHECKING:
    from mfclip.building.events import BuildEvents
    from mfclip.data.audit import Audit
    from mfclip.detector.cost import PartCost
    from mfclip.detector.protocols import Corrupts
    from mfclip.plugins.discovery import Plugins
    from mfclip.training.progress import TrainingProgress


@dataclass(frozen=True)
class Engine:
    """What a grid is run with. Everything else of a benchmark is bookkeeping."""

    train: Trainer
    """Makes the bundle of a cell."""
    open: Open
    """Makes a cell ready to score corrupted images."""
    cost: Callable[[Cell], DetectorCost]
    """Counts what the detector of a trained cell costs."""


def engine(
    plugins: Plugins,
    corruptions: Mapping[str, Corrupts],
    size: int | None,
    events: BuildEvents,
    *,
    device: str,
    registry: str | None,
    text_side: bool,
    light: bool = False,
) -> Engine:
    """The framework's own: builds as ``mfclip-build`` does, and scores as ``mfclip evaluate``.

    Parameters
    ----------
    size
        Pixels of the shorter side at which images are corrupted; None: their own.
    text_side
        Whether bundles keep what only training needs.
    light
        Whether bundles leave out what pretrained weights give.
    """
    return Engine(
        train=builder(plugins, events, device=device, text_side=text_side, light=light),
        open=opener(corruptions, size, device=device, registry=registry, progress=events.step),
        cost=lambda cell: count_cost(cell, plugins),
    )


def builder(
    plugins: Plugins, events: BuildEvents, *, device: str, text_side: bool, light: bool = False
) -> Trainer:
    """Builds the recipes of cells, going on with what was begun."""

    def train(cell: Cell) -> str:
        from mfclip.building.run import build
        from mfclip.compute.devices import choose_device

        build(
            cell.recipe,
            cell.bundle,
            plugins=plugins,
            events=_OneOfMany(events),
            device=device,
            resume=True,
            text_side=text_side,
            light=light,
            synthetic=cell.synthetic,
        )
        return str(choose_device(device))

    return train


def count_cost(cell: Cell, plugins: Plugins) -> DetectorCost:
    """Parameters and multiply-accumulates of the detector in a cell's bundle."""
    from mfclip.bundle.folder import read_bundle
    from mfclip.detector.cost import cost, outermost

    bundle = read_bundle(cell.bundle, plugins=plugins)
    recipe = bundle.recipe  # of several candidates, the one that was chosen
    assert recipe.training is not None
    parts = cost(
        bundle.detector(),
        recipe.preprocessing.size,
        len(bundle.prompts) if bundle.prompts else 1,
        recipe.training.batch_size,
        recipe.preprocessor().example(),
        frames=recipe.preprocessing.frames,
    )
    whole = outermost(parts)
    return DetectorCost(
        parameters=sum(part.parameters for part in whole),
        macs_per_image=sum(part.macs for part in whole if part.per == "image"),
        macs_per_step=sum(part.macs for part in whole if part.per == "step"),
    )


class _OneOfMany:
    """Shows one build of a grid: its data were checked before, and its costs are in the record."""

    def __init__(self, events: BuildEvents) -> None:
        self._events = events
        self.stage, self.step, self.note = events.stage, events.step, events.note

    @property
    def training(self) -> TrainingProgress:
        return self._events.training

    def audit(self, audit: Audit) -> None:
        pass

    def parts(self, costs: Sequence[PartCost]) -> None:
        pass
