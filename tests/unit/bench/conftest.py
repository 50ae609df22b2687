"""Small data sets by hand, and an engine that trains nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mfclip.bench.cells import Cell
from mfclip.bench.engine import Engine
from mfclip.bench.protocols import Condition
from mfclip.bench.record import DetectorCost
from mfclip.bundle.description import BundleJson, label_map, versions
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row, read_manifest
from mfclip.files import replace_folder
from mfclip.metrics.operating import fit_operating_points
from mfclip.metrics.scores import ScoreTable, write_scores
from mfclip.recipe.model import Recipe

REAL = ("real", "", "", "")
SPLITS = ("train", "val", "test")
Kind = tuple[str, str, str, str]


def rows(kind: Kind, group: str = "", splits: Sequence[str] = SPLITS, each: int = 2) -> list[Row]:
    """A few rows of one label (label, forgery, family, generator) in each split."""
    label = HierarchicalLabel(*kind)  # type: ignore[arg-type]
    name = "-".join(filter(None, (*kind, group)))
    return [
        Row(Path(f"{name}-{split}-{i}.png"), label, split, "", group)  # type: ignore[arg-type]
        for split in splits
        for i in range(each)
    ]


def data(*parts: list[Row], root: Path = Path("faces")) -> Manifest:
    """A manifest of these rows."""
    return Manifest(root, tuple(row for part in parts for row in part))


@pytest.fixture
def crossed() -> Manifest:
    """Three generators of two forgery types, no groups."""
    return data(
        rows(REAL, each=4),
        rows(("fake", "EFS", "GAN", "alpha")),
        rows(("fake", "EFS", "diffusion", "beta")),
        rows(("fake", "FS", "GAN", "gamma")),
    )


@dataclass
class Stub:
    """Stands in for training: writes a bundle whose scores follow from the paths alone."""

    trained: list[str] = field(default_factory=list)
    scored: list[str] = field(default_factory=list)
    die_at: int | None = None
    """Raise KeyboardInterrupt at that training, counted from 0, after some of its work."""
    broken: dict[str, Exception] = field(default_factory=dict)
    """Raised in place of the training, or of the scoring, of a detector."""
    unscorable: dict[str, Exception] = field(default_factory=dict)

    def engine(self) -> Engine:
        return Engine(self.train, self.open, lambda cell: DetectorCost.model_validate(COST))

    def train(self, cell: Cell) -> str:
        recipe, folder = cell.recipe, cell.bundle
        assert recipe.data is not None
        assert recipe.training is not None
        partial = folder.with_name(folder.name + ".partial")
        partial.mkdir(parents=True, exist_ok=True)
        if self.die_at == len(self.trained):
            raise KeyboardInterrupt
        if cell.detector in self.broken:
            raise self.broken[cell.detector]
        partial.rmdir()
        self.trained.append(f"{recipe.name} {recipe.training.seed}")
        table = recipe.data.model_dump()
        manifest = read_manifest(Path(table["root"]) / table["file"], Path(table["root"]))
        val, test = (self.scores(manifest.of_split(s), recipe) for s in ("val", "test"))
        operating = fit_operating_points(val)
        with replace_folder(folder) as staged:
            write_scores(val, operating, staged / "scores-validation.csv")
            write_scores(test, operating, staged / "scores-test.csv")
            about = BundleJson(
                **versions(),
                labels=label_map(),
                preprocessing=recipe.preprocessing,
                operating=operating,
                text_side=False,
                weights_sha256=f"{len(self.trained):064x}",
                data_fingerprint=manifest.fingerprint(),
                seed=recipe.training.seed,
                files=("bundle.json",),
            )
            (staged / "bundle.json").write_text(about.model_dump_json())
        return "stub"

    def scores(self, manifest: Manifest, recipe: Recipe) -> ScoreTable:
        assert recipe.training is not None
        rng = np.random.default_rng(recipe.training.seed)
        fake = np.array([row.label.label == "fake" for row in manifest.rows])
        return ScoreTable.from_manifest(manifest, fake + rng.normal(size=len(fake)))

    def open(self, cell: Cell) -> Callable[[Condition | None], np.ndarray]:
        def score(condition: Condition | None) -> np.ndarray:
            assert condition is not None
            if cell.detector in self.unscorable:
                raise self.unscorable[cell.detector]
            self.scored.append(f"{cell.name}: {condition.slug}")
            return np.arange(len(cell.manifest.of_split("test")), dtype=float)

        return score


COST = {"parameters": 10, "macs_per_image": 20, "macs_per_step": 0}


@pytest.fixture
def stub() -> Stub:
    return Stub()
