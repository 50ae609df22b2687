"""A stranger's pseudo-fake, from the recipe to a scored image."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mfclip.building.events import Silent
from mfclip.building.run import build
from mfclip.errors import RecipeError
from mfclip.inference.loaded import load
from mfclip.plugins.discovery import discover
from mfclip.recipe.read import read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.testing import check_part

PLUGIN = """
    from typing import ClassVar, Literal

    from mfclip import PseudoFake, hookimpl

    class AcmeShade(PseudoFake):
        '''Darkens towards the mean of the real images.'''

        forgery: ClassVar[str] = "shaded"
        family: ClassVar[str] = "shading"
        use: Literal["acme-shade"] = "acme-shade"
        '''Name of the part.'''

        def build(self, context):
            import torch

            class Shade(torch.nn.Module):
                def __init__(self):
                    super().__init__()
                    self.register_buffer("mean", torch.tensor(-1.0))

                def fit(self, images, seed):
                    self.mean.fill_(sum(float(image.float().mean()) for image in images) / 1000)

                def forward(self, image, partner, seed):
                    assert self.mean > 0
                    shift = 1 + seed % 7
                    return (image.float() * 0.8 + shift + self.mean / 100).to(torch.uint8)

            return Shade()

    @hookimpl
    def mfclip_pseudo_fakes():
        return [AcmeShade]
"""
RECIPE = """
recipe = 1
[preprocessing]
size = 32
[vision]
use = "cvit"
channels = [4, 8]
convolutions = [1, 1]
dim = 8
depth = 1
heads = 2
mlp = 8
[text]
use = "fle"
dim = 8
layers = 1
heads = 2
mlp = 8
[prompts]
use = "hierarchical"
[alignment]
use = "infonce"
[[loss]]
use = "cross-modal"
[[loss]]
use = "cross-entropy"
[data]
use = "sample"
images = 60
size = 32
[augmentation]
pseudo = 0.5
[[augmentation.pseudo_fakes]]
use = "acme-shade"
[[augmentation.pseudo_fakes]]
use = "self-blend"
[training]
epochs = 2
batch_size = 8
workers = 0
[evaluation]
bootstrap = 100
"""
MASKS = """
[[input]]
use = "image-column"
column = "mask"
"""
READER = """
[vision]
use = "map-cnn"
input = "mask"
[[loss]]
use = "cross-entropy"
[[augmentation.pseudo_fakes]]
use = "self-blend"
[preprocessing]
size = 32
"""


def read(text: str):
    return read_recipe_text(text, "recipe.toml", plugins=discover(), registry=read_registry())


def test_it_is_used_by_its_name_and_keeps_the_contract(install_plugin):
    install_plugin(PLUGIN)
    recipe = read(RECIPE)
    part = recipe.augmentation.pseudo_fakes[0]
    assert (part.label.forgery, part.label.generator) == ("shaded", "acme-shade")
    check_part(part)


def test_a_misspelt_one_is_told_with_what_is_on_offer(install_plugin):
    install_plugin(PLUGIN)
    with pytest.raises(RecipeError) as caught:
        read(RECIPE.replace('"acme-shade"', '"acme-shadow"'))
    said = str(caught.value)
    assert "augmentation.pseudo_fakes.0: no pseudo-fake is called 'acme-shadow'" in said
    assert "did you mean 'acme-shade'?" in said
    assert "self-blend (mfclip)" in said


@pytest.mark.filterwarnings("ignore")
def test_a_detector_is_trained_with_it_and_scores_without(
    install_plugin, tmp_path: Path, monkeypatch
):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    install_plugin(PLUGIN)
    build(read(RECIPE), tmp_path / "run", plugins=discover(), events=Silent(), device="cpu")
    table = json.loads((tmp_path / "run" / "prompts.json").read_text())
    texts = [entry["sentences"] for entry in table["prompts"]]
    assert ["a photo of a fake face", "a photo of a shaded face"] in [text[:2] for text in texts]
    assert any("self-blend" in text[3] for text in texts)
    (file,) = tmp_path.rglob("history.jsonl")
    history = [json.loads(line) for line in file.read_text().splitlines()]
    assert all(0 < epoch["pseudo_fakes"] < 30 for epoch in history)
    image = torch.randint(256, (3, 40, 40), generator=torch.Generator().manual_seed(0)).byte()
    (score,) = load(tmp_path / "run", "cpu").score([image])
    assert 0 <= score.p_fake <= 1


def test_prompts_that_no_training_makes_are_not_in_the_table(
    install_plugin, tmp_path: Path, monkeypatch
):
    from mfclip.building.plan import make_plan

    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    install_plugin(PLUGIN)
    made = make_plan(read(RECIPE), Silent()).prompts
    off = make_plan(read(RECIPE.replace("pseudo = 0.5", "pseudo = 0")), Silent()).prompts
    assert len(made) == len(off) + 2
    assert set(made.labels) - set(off.labels) == {
        part.label for part in read(RECIPE).augmentation.pseudo_fakes
    }


def test_inputs_from_the_manifest_and_pseudo_fakes_refuse_each_other():
    with pytest.raises(RecipeError) as caught:
        read(READER + MASKS)
    assert str(caught.value) == (
        "recipe.toml:8: augmentation.pseudo_fakes.0: 'self-blend' makes images while training, "
        "which have no 'mask' in the manifest, which 'image-column' needs (recipe.toml:12); remove "
        "one of them, or write augmentation.pseudo = 0"
    )


def test_an_input_made_of_the_image_alone_and_a_share_of_none_are_fine():
    read(
        READER.replace("self-blend", "spectrum").replace(
            "[preprocessing]", "[augmentation]\npseudo = 0\n[preprocessing]"
        )
        + MASKS
    )
