from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from mfclip.building import plan
from mfclip.building.events import Silent
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import DataError
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

RECIPE = """
recipe = 1
assembly = "cvit-small"
data = { use = "sample" }
training.epochs = 1
"""


@dataclass(frozen=True)
class Frame(Row):
    video: str = ""


def test_an_id_of_two_videos_stops_a_build_before_it_trains(monkeypatch):
    fakes = (HierarchicalLabel("fake", generator=name) for name in ("Deepfakes", "FaceSwap"))
    rows = [Frame(Path(f"{i}.png"), fake, video="000_003") for i, fake in enumerate(fakes)]
    manifest = Manifest(Path("absent"), tuple(rows))
    monkeypatch.setattr(plan, "read_data", lambda *_: manifest)
    recipe = read_recipe_text(RECIPE, "recipe", plugins=discover(), registry=read_registry())
    with pytest.raises(DataError, match="video '000_003' has two values of generator"):
        plan.make_plan(recipe, Silent())


SIX_PAIRS = """
recipe = 1
assembly = "clip-spa-small"
preprocessing.size = 32
data = { use = "sample" }
training.batch_size = 6
"""


def test_a_build_measures_the_alignment_at_its_own_batch_size(monkeypatch):
    labels = (HierarchicalLabel("real"), HierarchicalLabel("fake", generator="FaceSwap"))
    rows = [
        Row(Path(f"{split}{i}.png"), label, split=split)
        for split in ("train", "val", "test")
        for i, label in enumerate(labels)
    ]
    monkeypatch.setattr(
        plan, "_read_data", lambda *_, **__: (Manifest(Path("absent"), tuple(rows)), None)
    )
    recipe = read_recipe_text(SIX_PAIRS, "recipe", plugins=discover(), registry=read_registry())
    costs = {row.path: row for row in plan.make_plan(recipe, Silent()).costs}
    assert costs["alignment"].parameters == 6 * 6 + 1  # A and the temperature
    assert costs["alignment"].macs == 6 * 6 * 256
