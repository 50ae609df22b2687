from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from mfclip.data.labels import HierarchicalLabel
from mfclip.data.manifest import Manifest, Row
from mfclip.data.preprocess import Preprocessor
from mfclip.data.prompts import PromptTable
from mfclip.detector.assemble import assemble
from mfclip.explain.pictures import similarity_matrix
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry

SIX_PAIRS = """
recipe = 1
assembly = "clip-spa-small"
preprocessing.size = 32
data = { use = "sample" }
training.batch_size = 6
"""


def test_more_pairs_are_compared_than_a_gate_by_place_has_room_for(tmp_path):
    labels = [HierarchicalLabel("real"), HierarchicalLabel("fake", generator="FaceSwap")]
    rows = []
    for place in range(24):
        name = f"{place}.png"
        pixels = np.random.default_rng(place).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
        rows.append(Row(Path(name), labels[place % 2]))
    recipe = read_recipe_text(SIX_PAIRS, "recipe", plugins=discover(), registry=read_registry())
    prompts = PromptTable.make(labels, recipe.prompts.build(recipe.context()))
    torch.manual_seed(0)
    detector = assemble(recipe, prompts)
    found = similarity_matrix(
        detector, Manifest(tmp_path, tuple(rows)), prompts, Preprocessor(recipe.preprocessing)
    )
    assert found is not None
    cosine, names = found
    assert names == ["real"] * 12 + ["FaceSwap"] * 12
    assert cosine.shape == (24, 24)
    assert np.abs(cosine).max() <= 1 + 1e-6
    # The prompts are two, so the columns of one prompt are equal, and those of the two differ.
    assert np.allclose(cosine[:, :12], cosine[:, :1])
    assert not np.allclose(cosine[:, 0], cosine[:, 12])
