"""``[preprocessing.faces]`` in recipes, filled by a stranger's locator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from mfclip.errors import RecipeError, UsageError
from mfclip.parts import BuildContext
from mfclip.plugins.discovery import discover
from mfclip.recipe.faces import read_faces
from mfclip.recipe.model import Recipe
from mfclip.recipe.read import read_recipe, read_recipe_text
from mfclip.recipe.registry import read_registry
from mfclip.recipe.render import to_toml
from mfclip.weights.getting import convert

PLUGIN = """
    from typing import Literal

    from mfclip import Locator, hookimpl
    from mfclip.testing.toys import red_regions

    class AcmeRed(Locator):
        '''A third party's locator.'''

        use: Literal["acme-red"] = "acme-red"
        '''Name of the part.'''

        def build(self, context):
            return red_regions

    @hookimpl
    def mfclip_locators() -> list[type[Locator]]:
        return [AcmeRed]
"""
RECIPE = """\
recipe = 1
assembly = "cvit-small"

[preprocessing.faces]
margin = 0.3

[preprocessing.faces.locator]
use = "acme-red"
"""
MASKED = """
[[input]]
use = "image-column"
column = "mask"

[vision]
use = "mve"

[vision.image]
use = "cvit"

[vision.noise]
use = "map-cnn"
input = "mask"

[[loss]]
use = "cross-entropy"
"""


def read(text: str = RECIPE, *overrides: str) -> Recipe:
    return read_recipe_text(
        text, "recipe.toml", overrides=overrides, plugins=discover(), registry=read_registry()
    )


def test_a_strangers_locator_fills_the_slot_and_survives_the_bundles_recipe(install_plugin):
    install_plugin(PLUGIN)
    recipe = read()
    assert recipe.preprocessing.faces.locator.use == "acme-red"
    finder = recipe.preprocessor().finder
    assert (finder.margin, finder.align, finder.smallest) == (0.3, False, 32)
    assert read(to_toml(recipe)) == recipe


def test_without_the_table_images_are_crops():
    recipe = read(RECIPE.partition("[preprocessing")[0])
    assert recipe.preprocessing.faces is None
    assert recipe.preprocessor().finder is None
    assert "faces" not in to_toml(recipe)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("preprocessing.faces.align=true", "its five points, which 'acme-red' does not give"),
        ("preprocessing.frames=8", "faces are found in single pictures, got frames 8 as well"),
        ("preprocessing.faces.margin=-1", "should be greater than or equal to 0"),
        ("preprocessing.faces.locator.use=acme-rd", "did you mean 'acme-red'"),
    ],
)
def test_what_does_not_go_together_is_told(install_plugin, override, said):
    install_plugin(PLUGIN)
    with pytest.raises(RecipeError, match=said):
        read(RECIPE, override)


def test_a_locator_has_to_be_named():
    with pytest.raises(RecipeError, match=r"recipe\.toml:4: preprocessing\.faces\.locator: "):
        read(RECIPE.partition("\n[preprocessing.faces.locator]")[0])


def test_a_file_beside_the_whole_picture_does_not_go_with_crops(install_plugin, tmp_path: Path):
    install_plugin(PLUGIN)
    masked = RECIPE.replace('assembly = "cvit-small"', "") + MASKED
    told = "what 'image-column' makes of 'mask' .* is of the whole"
    with pytest.raises(RecipeError, match=told):
        read(masked)


def test_the_shipped_one_tells_how_to_get_its_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.replace("acme-red", "centerface"))
    with pytest.raises(RecipeError, match="get them with: mfclip weights get centerface"):
        read_recipe(file, plugins=discover(), registry=read_registry())
    with pytest.raises(UsageError, match="get them with: mfclip weights get centerface"):
        read_faces().finder(BuildContext())


def test_weights_of_another_form_are_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("MFCLIP_CACHE", str(tmp_path / "cache"))
    save_file({"a": np.zeros(3, np.float32)}, tmp_path / "a.safetensors")
    convert(tmp_path / "a.safetensors", "mine")
    file = tmp_path / "recipe.toml"
    file.write_text(RECIPE.replace("acme-red", "centerface") + 'weights = "mine"\n')
    with pytest.raises(RecipeError, match=r"'mine' is kept as \.safetensors, and \.onnx is read"):
        read_recipe(file, plugins=discover(), registry=read_registry())
    file.write_text(RECIPE.replace("acme-red", "centerface") + 'weights = "a.safetensors"\n')
    with pytest.raises(RecipeError, match=r"a network is read from an \.onnx file"):
        read_recipe(file, plugins=discover(), registry=read_registry())
