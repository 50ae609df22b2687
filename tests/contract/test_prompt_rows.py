"""Rows of the prompt table: one a text, and those of earlier bundles as they were built."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mfclip.building import plan
from mfclip.building.events import Silent
from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.plugins.discovery import discover
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe
from mfclip.recipe.registry import read_registry

ROOT = Path(__file__).parents[2]
EARLIER = Path(__file__).parent / "golden/prompts-a-row-a-label.json"
"""A table of these labels from when each had a row of its own."""
METHODS = {"Deepfakes": "FS", "Face2Face": "AM", "FaceSwap": "FS", "NeuralTextures": "AM"}
LABELS = [
    HierarchicalLabel("real"),
    *(HierarchicalLabel("fake", forgery, generator=name) for name, forgery in METHODS.items()),
]


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return read_recipe(
        ROOT / "recipes/ffpp-two-levels.toml",
        overrides=["assembly=mfclip-small", "alignment.index=prompt"],
        plugins=discover(),
        registry=read_registry(),
    )


def tables(recipe: Recipe) -> tuple[PromptTable, PromptTable]:
    assert recipe.prompts is not None
    now = PromptTable.make(LABELS, recipe.prompts.build(recipe.context()))
    return now, PromptTable.from_json(EARLIER.read_text(encoding="utf-8"))


def test_ffpp_at_two_levels_has_three_rows(recipe):
    now, _ = tables(recipe)
    assert len(now) == 3
    assert [now.row(label) for label in LABELS] == [0, 1, 2, 1, 2]
    assert len(set(now.sentences)) == 3


def test_a_table_of_an_earlier_bundle_keeps_its_rows(recipe):
    now, earlier = tables(recipe)
    assert len(earlier) == 5
    assert [earlier.row(label) for label in LABELS] == [0, 1, 2, 3, 4]
    assert earlier.to_json() == EARLIER.read_text(encoding="utf-8")
    for label in LABELS:
        rows = now.row(label), earlier.row(label)
        assert torch.equal(now.tokens[rows[0]], earlier.tokens[rows[1]])
        assert now.sentences[rows[0]] == earlier.sentences[rows[1]]


def test_attention_by_prompt_class_has_a_class_a_text(recipe):
    sizes = [assemble(recipe, table, pretrained=False) for table in tables(recipe)]
    assert [one.alignment.pairs.weight.shape for one in sizes] == [(3, 3), (5, 5)]


def test_a_build_counts_and_trains_with_three_rows(recipe, monkeypatch):
    rows = [
        Row(Path(f"{split}-{i}.png"), label, split=split)
        for split in ("train", "val", "test")
        for i, label in enumerate(LABELS)
    ]
    manifest = Manifest(Path("absent"), tuple(rows))
    monkeypatch.setattr(plan, "_read_data", lambda *_, **__: (manifest, None))
    made = plan.make_plan(recipe, Silent())
    assert made.prompts is not None
    assert len(made.prompts) == 3
    assert made.detector.tokens.shape == (3, 2, 77)
