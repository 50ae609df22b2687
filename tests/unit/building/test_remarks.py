"""What to know before a training."""

from __future__ import annotations

from pathlib import Path

import pytest

from mfclip.building.remarks import remarks
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.errors import PluginError
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip_baselines.schemas.fatformer import FatFormer

RECIPE = """
recipe = 1
assembly = "{}"
preprocessing.size = 64
data = {{ use = "sample" }}
{}
"""
ROWS = tuple(
    Row(Path(f"{i}.png"), HierarchicalLabel(label), "train", further=further)
    for i, (label, further) in enumerate(
        [("real", ()), ("fake", (("counterpart", "0.png"),)), ("fake", ())]
    )
)


def read(assembly: str, training: str = "training.epochs = 1"):
    text = RECIPE.format(assembly, training)
    return read_recipe_text(text, "recipe", plugins=discover(), registry=read_registry())


def test_a_system_without_weights_says_that_it_learns_from_scratch():
    (text,) = remarks(read("fatformer-small"), None)
    assert text.startswith("detector: fatformer: weights names none of CLIP")
    assert "from scratch, 6 and 2 blocks" in text


def test_photos_of_fakes_are_counted():
    found = list(remarks(read("vlffd-small"), Manifest(Path("absent"), ROWS)))
    assert any("1 of 2 fakes have a counterpart" in text for text in found)


def test_a_recipe_that_needs_nothing_more_or_trains_nothing_has_none():
    assert not list(remarks(read("cvit-small"), Manifest(Path("absent"), ROWS)))
    assert not list(remarks(read("fatformer-small", ""), None))


def test_a_part_that_fails_at_it_is_named(monkeypatch):
    monkeypatch.setattr(FatFormer, "remarks", lambda *_: 1 / 0)
    with pytest.raises(PluginError, match=r"detector.*fatformer.*failed while its remarks"):
        list(remarks(read("fatformer-small"), None))
